/**
 * The man pages: docs/man/, written by hand in man(7), with lists in them that are made here of the same rows as docs/options.md, and of tables in other documents.
 *
 *     node --import tsx scripts/man-pages.ts DIRECTORY      writes man1/ and man5/ there
 *
 * In a source, a line `.\" table: NAME` is replaced by that list, and `.\" markdown table: PAGE, HEADING, N` by the Nth table below the heading of a page in
 * docs/. @VERSION@ and @DATE@ are those of the package.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { COMMANDS } from '../packages/dtlto/src/cli/commands.js'
import { exampleFile, fileRows, optionRows, SCHEMAS, schemaRows, variableRows } from './option-rows.js'
import { packageVersion, sourceEpoch } from './package/version.mjs'
import { wantedLlvms } from './llvm-versions.mjs'
import { ROOT } from './root.mjs'

const SOURCES = join(ROOT, 'docs/man')
/** Programs that are described on the page of another. */
export const ALIASES: Readonly<Record<string, string>> = {
  'ld64.dtlto.1': 'ld.dtlto.1',
  'wasm-ld.dtlto.1': 'ld.dtlto.1',
  'dtlto-link.1': 'ld.dtlto.1',
  ...Object.fromEntries(
    wantedLlvms().flatMap((major) =>
      ['ld.dtlto', 'ld64.dtlto', 'wasm-ld.dtlto', 'dtlto-link', 'dtlto'].map((name) => [
        `${name}-${String(major)}.1`,
        name === 'dtlto' ? 'dtlto.1' : 'ld.dtlto.1',
      ]),
    ),
  ),
}

export interface ManPage {
  /** As it is installed: `ld.dtlto.1`. */
  readonly name: string
  readonly text: string
}

const LISTS: Readonly<Record<string, () => readonly string[]>> = {
  options: () =>
    optionRows().flatMap(({ name, placeholder, isOptional, meaning, default: value }) => {
      const given = placeholder === '' ? '' : `${bold('=')}${shown(placeholder)}`
      return item(`${bold(`--${name}`)}${isOptional && given !== '' ? `[${given}]` : given}`, meaning, value)
    }),
  settings: () => fileRows().flatMap(({ key, example, meaning }) => item(bold(`${key} = ${example}`), meaning)),
  variables: () => variableRows().flatMap(({ name, meaning }) => item(bold(name), meaning)),
  distributors: () =>
    Object.entries(SCHEMAS).flatMap(([name, schema]) => [
      `.SS ${roff(name)}`,
      ...schemaRows(schema).flatMap((row) =>
        item(`${bold(`${row.name}=`)}${inline(row.value)}`, row.meaning, row.default),
      ),
    ]),
  synopsis: () =>
    COMMANDS.flatMap(({ name, uses }, i) =>
      uses.flatMap(({ args }, j) => [
        ...(i + j === 0 ? [] : ['.br']),
        `.B dtlto ${roff(name)} \\fR${roff(args)}`.trim(),
      ]),
    ),
  commands: () =>
    COMMANDS.flatMap(({ name, uses }) =>
      uses.flatMap(({ args, help }) => item(`${bold(name)}${args === '' ? '' : ` ${roff(args)}`}`, help)),
    ),
  file: () => ['.EX', ...exampleFile().map(line), '.EE'],
}

/** All pages. Throws where a source asks for a list that there is not. */
export function manPages(): readonly ManPage[] {
  const words = { VERSION: packageVersion(), DATE: new Date(sourceEpoch() * 1000).toISOString().slice(0, 10) }
  const pages = readdirSync(SOURCES).map((name) => {
    const source = readFileSync(join(SOURCES, name), 'utf8')
    const text = source
      .replace(/^\.\\" table: (.*)\n/gm, (_, list: string) => lines(LISTS[list]?.() ?? missing(name, list)))
      .replace(/^\.\\" markdown table: (.*), (.*), (\d)\n/gm, (_, page: string, heading: string, n: string) =>
        lines(markdownTable(page, heading, Number(n)) ?? missing(name, `${heading} of ${page}`)),
      )
      .replace(/@(VERSION|DATE)@/g, (_, word: keyof typeof words) => words[word])
    return { name, text }
  })
  return [
    ...pages,
    ...Object.entries(ALIASES).map(([name, page]) => ({ name, text: `.so man${section(page)}/${page}\n` })),
  ]
}

export function section(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1)
}

function missing(page: string, list: string): never {
  throw new Error(`docs/man/${page} asks for '${list}', which there is not`)
}

/** As a list: the first column, and what the second says of it. */
function markdownTable(page: string, heading: string, n: number): readonly string[] | undefined {
  const text = readFileSync(join(ROOT, 'docs', page), 'utf8')
  const at = text.indexOf(`\n${heading}\n`)
  const tables = [...text.slice(at).matchAll(/(?:^\|.*\n)+/gm)]
  const rows = tables[n - 1]?.[0].trim().split('\n').slice(2)
  if (at < 0 || rows === undefined) return undefined
  return rows.flatMap((row) => {
    const [, term = '', meaning = ''] = row.split(/(?<!\\)\|/)
    return item(inline(term.trim()), meaning.trim())
  })
}

/** A term in roff, what it means in Markdown. */
function item(term: string, meaning: string, byDefault = ''): readonly string[] {
  return [
    '.TP',
    term,
    line(inline(ended(meaning))),
    ...(byDefault === '' ? [] : [`.br`, `Default: ${inline(byDefault)}.`]),
  ]
}

/** As a sentence. */
const ended = (text: string): string => text.replace(/(?<![.)])$/, '.')

const PIECE = /`([^`]*)`|\[([^\]]*)\]\([^)]*\)/g

/** Markdown within a line: code is bold, links are their words. */
function inline(markdown: string): string {
  const text = markdown.replaceAll('\\|', '|')
  let written = ''
  let from = 0
  for (const match of text.matchAll(PIECE)) {
    const [whole, code, words = ''] = match
    written += `${roff(text.slice(from, match.index))}${code === undefined ? inline(words) : bold(code)}`
    from = match.index + whole.length
  }
  return written + roff(text.slice(from))
}

const bold = (text: string): string => `\\fB${roff(text)}\\fP`

/** `<name>` is a name to replace, `a|b` are words. */
const shown = (placeholder: string): string =>
  placeholder
    .split(/(<[^>]*>)/)
    .map((part) => (part.startsWith('<') ? `\\fI${roff(part.slice(1, -1))}\\fP` : bold(part)))
    .join('')

/** ASCII, so that every terminal shows it; hyphens as they are typed. */
function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('…', '...')
    .replaceAll("'", '\\(aq')
    .replaceAll('~', '\\(ti')
    .replaceAll('^', '\\(ha')
}

/** No request by accident. */
const line = (text: string): string => (/^[.']/.test(text) ? `\\&${text}` : text)

const lines = (text: readonly string[]): string => text.map((each) => `${each}\n`).join('')

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [directory] = process.argv.slice(2)
  if (directory === undefined) throw new Error('expected a directory')
  for (const { name, text } of manPages()) {
    const place = join(directory, `man${section(name)}`)
    mkdirSync(place, { recursive: true })
    writeFileSync(join(place, name), text)
  }
}
