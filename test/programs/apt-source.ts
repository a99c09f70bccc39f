/**
 * Fetches a program's source as Debian and Ubuntu ship it, without touching the machine's apt configuration: lists and
 * caches of our own in build/, made from the repositories that the machine uses anyway, with sources switched on.
 */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { run, tryRun } from './run.js'

const APT = '/etc/apt'

export interface SourceOptions {
  /** tar's patterns: nothing else is unpacked, and the tarball, which is big then, is not kept. */
  readonly members?: readonly string[]
  /** Also look into Debian's development release, from the places that this machine has Debian from. The newest version counts. */
  readonly development?: boolean
}

/**
 * Unpacks the upstream source of `name` (without the distribution's patches) into the existing directory `destination`. `name` may
 * be that of a release, too: `redis/bookworm`.
 * `workDirectory` keeps lists and downloads; it is made if need be. Returns the version.
 */
export async function fetchSource(
  name: string,
  destination: string,
  workDirectory: string,
  { members = [], development = false }: SourceOptions = {},
): Promise<string> {
  const options = await aptOptions(workDirectory, development)
  const downloads = join(workDirectory, 'downloads')
  await mkdir(downloads, { recursive: true })
  // A repository without sources makes this fail, and is none of our business if another one has the program.
  await tryRun('apt-get', [...options, '-qq', 'update'])
  const apt = (cwd: string, ...args: string[]): Promise<string> => run('apt-get', [...options, '-qq', ...args], { cwd })
  // Nothing but the tarball is fetched: copies of an archive keep it longer than the revisions of the package. What is in the working directory is not named.
  const files = await apt(workDirectory, 'source', '--print-uris', name)
  const [bare = ''] = name.split('/')
  const version = new RegExp(` ${bare}_(\\S+)\\.dsc `).exec(files)?.[1]
  const tarball = new RegExp(` (${bare}_\\S*\\.orig\\.tar\\.(?:gz|xz|bz2)) `).exec(files)?.[1]
  if (version === undefined || tarball === undefined) throw new Error(`no version or no upstream tarball in '${files}'`)
  await apt(downloads, 'source', '--download-only', '--tar-only', name)
  const path = join(downloads, tarball)
  await run('tar', ['-xf', path, '--strip-components=1', '-C', destination, '--wildcards', ...members])
  if (members.length > 0) await rm(path)
  return version
}

async function aptOptions(workDirectory: string, development: boolean): Promise<string[]> {
  const parts = join(workDirectory, 'sources.list.d')
  const lists = join(workDirectory, 'lists')
  const cache = join(workDirectory, 'cache')
  await Promise.all(
    [parts, join(lists, 'partial'), join(cache, 'archives/partial')].map((path) => mkdir(path, { recursive: true })),
  )
  const files = [join(APT, 'sources.list'), ...(await listDirectory(join(APT, 'sources.list.d')))]
  for (const [index, file] of files.entries()) {
    const convert =
      extname(file) === '.list' ? sourcesFromList : extname(file) === '.sources' ? sourcesFromDeb822 : undefined
    const text = convert === undefined ? undefined : await readFile(file, 'utf8').catch(() => undefined)
    if (convert !== undefined && text !== undefined) {
      const sources = convert(text)
      await writeFile(join(parts, `${index}${extname(file)}`), sources)
      await writeFile(join(parts, `${index}-sid${extname(file)}`), development ? ofDevelopmentRelease(sources) : '')
    }
  }
  return Object.entries({
    'Dir::Etc::SourceList': '/dev/null',
    'Dir::Etc::SourceParts': parts,
    'Dir::State::Lists': lists,
    'Dir::Cache': cache,
    'Acquire::Languages': 'none',
    'Acquire::Retries': '3',
    // Started as root, apt downloads as a user of its own, who cannot write here.
    ...(process.getuid?.() === 0 ? { 'APT::Sandbox::User': 'root' } : {}),
  }).flatMap(([name, value]) => ['-o', `${name}=${value}`])
}

/** `deb [options] uri suite component…`, one a line. */
export function sourcesFromList(text: string): string {
  const lines = text.split('\n').filter((line) => /^\s*deb(-src)?\s/.test(line))
  return [...new Set(lines.map((line) => line.replace(/^\s*deb(-src)?/, 'deb-src')))].join('\n') + '\n'
}

/** Stanzas of `Types:`, `URIs:`, … divided by blank lines. */
export function sourcesFromDeb822(text: string): string {
  return text
    .split(/\n[ \t]*\n/)
    .filter((stanza) => /^Types:/im.test(stanza) && !/^Enabled:\s*(no|false)/im.test(stanza))
    .map((stanza) => stanza.replace(/^Types:.*$/im, 'Types: deb-src'))
    .join('\n\n')
    .concat('\n')
}

/** The same for Debian's development release; nothing for what is not Debian's own archive. `sources`: of either form. */
export function ofDevelopmentRelease(sources: string): string {
  const isDebian = /^(?:URIs: *|deb-src (?:\[.*\] )?)\S+\/debian\/?(?: |$)/m
  return sources
    .split(/\n\n|\n(?=deb-src )/)
    .filter((entry) => isDebian.test(entry))
    .map((entry) =>
      entry
        .trimEnd()
        .replace(/^Suites:.*$/m, 'Suites: sid')
        .replace(/^Components:.*$/m, 'Components: main')
        .replace(/^(deb-src (?:\[.*\] )?\S+) .*$/m, '$1 sid main'),
    )
    .filter((entry, i, all) => all.indexOf(entry) === i)
    .join('\n\n')
    .concat('\n')
}

async function listDirectory(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch(() => [])
  return names.sort().map((name) => join(directory, name))
}
