/** The documents as a site: VitePress builds it, and every link of every page leads to a file of the site, and to a place in it. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { test } from 'node:test'
import { ROOT } from '../../scripts/root.mjs'
import { tryRun } from '../programs/run.js'
import { documents } from './shell-blocks.js'

const SITE = join(ROOT, 'build/docs-site')
/** What npm says where the registry cannot be reached. */
const NO_NETWORK = /code (?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH)/

test('npm run docs:site makes a page of each document, whose links lead somewhere', async (context) => {
  const { exitCode, stdout, stderr } = await tryRun('npm', ['run', 'docs:site'], { cwd: ROOT })
  if (exitCode !== 0 && NO_NETWORK.test(stderr))
    return context.skip("VitePress is not here, and npm's registry neither")
  assert.equal(exitCode, 0, `${stdout}\n${stderr}`)

  for (const document of documents().filter((file) => file.startsWith('docs/')))
    assert.ok(existsSync(page(document)), `${document} has no page`)
  const { wrong, links } = checkLinks()
  assert.ok(links > 500, String(links))
  assert.deepEqual(wrong, [])
  const assets = readdirSync(join(SITE, 'assets'), { recursive: true, encoding: 'utf8' })
  const index = assets.find((name) => /localSearchIndex/.test(name))
  assert.ok(index !== undefined && statSync(join(SITE, 'assets', index)).size > 100_000, 'search has no index')
})

const page = (document: string): string => join(SITE, document.replace(/^docs\/(.*)\.md$/, '$1.html'))

function checkLinks(): { readonly wrong: readonly string[]; readonly links: number } {
  const wrong: string[] = []
  let links = 0
  for (const name of readdirSync(SITE).filter((file) => file.endsWith('.html'))) {
    const from = join(SITE, name)
    for (const [, target = ''] of readFileSync(from, 'utf8').matchAll(/ (?:href|src)="([^"]*)"/g)) {
      if (/^(?:[a-z]+:|\/\/)/.test(target)) continue
      links++
      const [file = '', anchor] = decodeURI(target.replaceAll('&amp;', '&')).split('#')
      const to = file === '' ? from : resolve(dirname(from), file.startsWith('/') ? join(SITE, file) : file)
      if (!leadsSomewhere(to, anchor)) wrong.push(`${relative(SITE, from)}: ${target}`)
    }
  }
  return { wrong, links }
}

const places = new Map<string, ReadonlySet<string>>()

function leadsSomewhere(path: string, anchor: string | undefined): boolean {
  const file = existsSync(path) && statSync(path).isDirectory() ? join(path, 'index.html') : path
  if (!existsSync(file)) return false
  if (anchor === undefined || anchor === '') return true
  let ids = places.get(file)
  if (ids === undefined) {
    ids = new Set([...readFileSync(file, 'utf8').matchAll(/ id="([^"]*)"/g)].map(([, id = '']) => id))
    places.set(file, ids)
  }
  return ids.has(anchor)
}
