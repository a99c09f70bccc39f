/**
 * LLVM's own tests of lld, from the source package that the distribution has of LLVM: fetched once into build/lld-tests,
 * then reused. Where the source of the LLVM in use is not to be had, an older one's tests do as well: they are judged by what
 * stock lld makes of them, not by what they expect. `DTLTO_LLVM_SOURCE` names an unpacked source tree to use in its place
 * (lld/test/lit.site.cfg.py is written there).
 */
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { firstLlvm } from '../../scripts/llvm-versions.mjs'
import { withLock } from '../../scripts/lock.mjs'
import { ROOT } from '../../scripts/root.mjs'
import { fetchSource } from '../programs/apt-source.js'

export const WORK = join(ROOT, 'build/lld-tests')

/** That of the lld in use, then older ones, the newest first. Before 17, bitcode had typed pointers, which LLVM 22 does not read. */
const MAJORS: readonly number[] = [firstLlvm(), 22, 21, 20, 19].filter((major, i) => i === 0 || major < firstLlvm())

/**
 * The tests; llvm/utils/dtlto, the distributors that tests of LLVM's own DTLTO call, and those tests. Older versions have none of
 * those, and a pattern that matches nothing is an error of tar's.
 */
const MEMBERS = ['*/lld/test', '*/llvm/utils/d*', '*/cross-project-tests/d*']

export interface LldTests {
  /** The root of LLVM's source tree, as far as it was unpacked: it has `lld/test`. */
  readonly directory: string
  /** For people: which version, and why not the newest. */
  readonly about: string
  /** Whether these are the tests of the lld in use, so that what they expect is what it does. */
  readonly fits: boolean
}

/** No source to be had: the reason for each version that was tried. */
export class NoLldTests extends Error {}

/** The tests, fetched unless that was done before. Rejects with `NoLldTests`. */
export function lldTests(log: (message: string) => void = () => undefined): Promise<LldTests> {
  const named = process.env['DTLTO_LLVM_SOURCE']
  if (named) {
    if (existsSync(join(named, 'lld/test/lit.cfg.py')))
      return Promise.resolve({ directory: named, about: named, fits: false })
    return Promise.reject(new Error(`DTLTO_LLVM_SOURCE: '${named}' has no lld/test/lit.cfg.py`))
  }
  const directory = join(WORK, 'source')
  const about = join(WORK, 'source.txt')
  return withLock(join(WORK, 'source.lock'), async () => {
    if (!existsSync(about)) await writeFile(about, await fetchNewest(directory, log))
    const text = await readFile(about, 'utf8')
    return { directory, about: text, fits: text.startsWith(sourceName(firstLlvm())) }
  })
}

/** Resolves with what to say of the version. */
async function fetchNewest(directory: string, log: (message: string) => void): Promise<string> {
  const unfinished = `${directory}.unfinished`
  const problems: string[] = []
  for (const major of MAJORS) {
    const name = sourceName(major)
    log(`fetching the source of ${name}`)
    await rm(unfinished, { recursive: true, force: true })
    await mkdir(unfinished, { recursive: true })
    try {
      const version = await fetchSource(name, unfinished, join(WORK, 'apt'), { members: MEMBERS, development: true })
      await rm(directory, { recursive: true, force: true })
      await rename(unfinished, directory)
      return [`${name} ${version}`, ...problems].join('\n')
    } catch (error) {
      problems.push(`no ${name}: ${firstError(error)}`)
    }
  }
  throw new NoLldTests(problems.join('\n'))
}

function sourceName(major: number): string {
  return `llvm-toolchain-${major}`
}

/** apt-get says much; the line that starts with E: is the reason. */
function firstError(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return /^E: (.*)$/m.exec(text)?.[1] ?? text
}
