/** Links of the documents lead somewhere: to files that are there, and to headings of these. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { test } from 'node:test'
import { ROOT } from '../../scripts/root.mjs'

const MARKDOWN = ['.', 'docs', 'packages/testkit', 'packages/dtlto', 'bench'].flatMap((directory) =>
  existsSync(join(ROOT, directory))
    ? readdirSync(join(ROOT, directory))
        .filter((name) => name.endsWith('.md'))
        .map((name) => join(ROOT, directory, name))
    : [],
)

/** Without blocks and spans of code. */
function prose(path: string): string {
  return readFileSync(path, 'utf8')
    .replace(/^```[\s\S]*?^```/gm, '')
    .replace(/^ {4}.*$/gm, '')
    .replace(/`[^`\n]*`/g, (code) => code.replaceAll(/[[\]]/g, ' '))
}

/** As GitHub names headings: words in small letters, joined by hyphens; of equal ones the later have numbers. */
function anchors(path: string): ReadonlySet<string> {
  const found = new Set<string>()
  const seen = new Map<string, number>()
  for (const [, heading = ''] of readFileSync(path, 'utf8').matchAll(/^#{1,6} +(.*)$/gm)) {
    const name = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-')
    const count = seen.get(name) ?? 0
    seen.set(name, count + 1)
    found.add(count === 0 ? name : `${name}-${String(count)}`)
  }
  return found
}

test('every link of the documents leads to a file of the project, and every anchor to a heading', () => {
  const wrong: string[] = []
  let links = 0
  for (const path of MARKDOWN) {
    for (const [, target = ''] of prose(path).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      links++
      const [file = '', anchor] = target.split('#')
      const destination = file === '' ? path : resolve(dirname(path), decodeURI(file))
      const isThere = existsSync(destination)
      if (isThere && (anchor === undefined || anchors(destination).has(anchor))) continue
      wrong.push(`${relative(ROOT, path)}: ${target}: ${isThere ? 'no such heading' : 'no such file'}`)
    }
  }
  assert.ok(links > 20, `${String(links)} links`)
  assert.deepEqual(wrong, [])
})

test('every page of docs/ is linked from the README or from a page that is', () => {
  const reached = new Set<string>()
  const visit = (path: string): void => {
    if (reached.has(path)) return
    reached.add(path)
    for (const [, target = ''] of prose(path).matchAll(/\]\(([^)\s#]+)/g)) {
      const destination = resolve(dirname(path), target)
      if (destination.endsWith('.md') && existsSync(destination)) visit(destination)
    }
  }
  visit(join(ROOT, 'README.md'))
  const pages = MARKDOWN.filter((path) => dirname(path) === join(ROOT, 'docs'))
  assert.deepEqual(
    pages.filter((path) => !reached.has(path)).map((path) => relative(ROOT, path)),
    [],
  )
})
