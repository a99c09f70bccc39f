/** What a run of the tests left behind: lit's verdicts, the record of every link, the files that the tests made. */
import { createHash } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'

/** One call of a linker. */
export interface Link {
  /** The linker's name, the working directory, its arguments. */
  readonly call: readonly string[]
  readonly exitCode: string
  readonly stdout: string
  /** Absent when both were the same file: all is in stdout then. */
  readonly stderr: string | undefined
}

export interface Run {
  /** lit's verdict (PASS, FAIL, UNSUPPORTED, XFAIL, …) by the test's name. */
  readonly verdicts: ReadonlyMap<string, string>
  /** By call; a call that was made more than once has its links in their order. */
  readonly links: ReadonlyMap<string, readonly Link[]>
  /** The digest of every file that was left, by path; the number of its entries for a ThinLTO cache. */
  readonly files: ReadonlyMap<string, string>
}

interface LitReport {
  readonly tests: readonly { readonly name: string; readonly code: string }[]
}

export async function readRun(directory: string): Promise<Run> {
  const report = JSON.parse(await readFile(join(directory, 'lit.json'), 'utf8')) as LitReport
  return {
    verdicts: new Map(report.tests.map(({ name, code }) => [name, code])),
    links: await readLinks(join(directory, 'records')),
    files: await digests(join(directory, 'execution')),
  }
}

async function readLinks(records: string): Promise<Map<string, Link[]>> {
  const found: { readonly link: Link; readonly time: number }[] = []
  for (const name of await readdir(records)) {
    const read = (file: string) => readFile(join(records, name, file), 'utf8')
    // Without a code it was killed with its test, which ran into lit's time limit.
    const exitCode = await read('code').catch(() => 'none')
    const call = (await read('call')).split('\0').slice(0, -1)
    const stdout = withoutStack(await read('stdout'))
    const stderr = await read('stderr').then(withoutStack, () => undefined)
    const link = { call, exitCode, stdout, stderr }
    found.push({ link, time: (await stat(join(records, name, 'call'))).mtimeMs })
  }
  const links = new Map<string, Link[]>()
  for (const { link } of found.toSorted((a, b) => a.time - b.time)) {
    const key = link.call.join(' ')
    links.set(key, [...(links.get(key) ?? []), link])
  }
  return links
}

/** Whose functions a crash went through, and where they lie, differs by nature. */
function withoutStack(text: string): string {
  return text.replace(/^ ?#?\d+ +\S+ +0x[0-9a-f]+.*\n/gm, '')
}

async function digests(root: string): Promise<Map<string, string>> {
  const files = new Map<string, string>()
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    // lit's own: times, and the commands of each test.
    if (!entry.isFile() || entry.name === '.lit_test_times.txt' || isScript(path)) continue
    files.set(
      withoutProcess(relative(root, path)),
      createHash('sha256')
        .update(await readFile(path))
        .digest('hex'),
    )
  }
  return files
}

/** LLVM's DTLTO puts its process id into the names of files. */
function withoutProcess(path: string): string {
  return path.replace(/\.\d+(?=\.(native\.o|dist-file\.json))/, '.PROCESS')
}

function isScript(path: string): boolean {
  return path.endsWith('.script') && basename(dirname(path)) === 'Output'
}
