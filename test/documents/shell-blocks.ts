/**
 * The commands of README.md and docs/: blocks of shell, fenced with `sh` or indented, each with the remark before it that says who types it.
 *
 *     <!-- commands: test/build-systems/recipes.test.ts -->   that file does
 *     <!-- commands: as in README.md -->                      each of its lines stands in a block there
 *     <!-- commands: not typed: needs root -->                nobody does, and why
 *
 * Without a remark test/documents/commands.test.ts types it.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../../scripts/root.mjs'

export interface ShellBlock {
  /** Relative to the root. */
  readonly file: string
  /** Of its first line, from 1. */
  readonly line: number
  /** The nearest one above. */
  readonly heading: string
  readonly text: string
  /** What the remark says. */
  readonly remark: string | undefined
}

const REMARK = /^<!-- commands: (.*) -->$/
const FENCE = /^```(.*)$/
const INDENTED = /^ {4}/

/** README.md and the pages of docs/, relative to the root. */
export function documents(): readonly string[] {
  const pages = readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md'))
  return ['README.md', ...pages.sort().map((name) => `docs/${name}`)]
}

/** Throws an Error for a fence without a language, of which nobody can tell whether it is to be typed. */
export function shellBlocks(file: string): readonly ShellBlock[] {
  const lines = readFileSync(join(ROOT, file), 'utf8').split('\n')
  const blocks: ShellBlock[] = []
  let heading = ''
  let remark: string | undefined
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? ''
    const language = FENCE.exec(line)?.[1]
    if (language !== undefined) {
      if (language === '') throw new Error(`${file}:${String(i + 1)}: the block names no language`)
      const end = lines.indexOf('```', i + 1)
      if (language === 'sh') blocks.push({ file, line: i + 2, heading, text: text(lines.slice(i + 1, end)), remark })
      i = end
    } else if (INDENTED.test(line)) {
      let end = i
      while (INDENTED.test(lines[end] ?? '')) end++
      const typed = lines.slice(i, end).map((each) => each.slice(4))
      blocks.push({ file, line: i + 1, heading, text: text(typed), remark })
      i = end - 1
    } else if (line.startsWith('#')) {
      heading = line.replace(/^#+ /, '')
    }
    if (line !== '') remark = REMARK.exec(line)?.[1]
  }
  return blocks
}

const text = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('')
