/**
 * Runs LLVM's tests of lld under lit, LLVM's own test runner, with a stand-in for each linker (linker.sh) that records
 * every link. All modes run in the same directory, one after the other, so that paths in outputs are the same.
 */
import { spawn } from 'node:child_process'
import { chmod, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { DTLTO_BIN, LLVM_BIN } from '../link/toolchain.js'
import { type ModeName, type Mode, modes } from './modes.js'
import { readRun, type Run } from './results.js'
import { type LldTests, WORK } from './source.js'
import { firstLlvm } from '../../scripts/llvm-versions.mjs'

/** Names that tests call a linker by, with the programs for them. */
const PROGRAMS = {
  lld: 'ld.dtlto',
  'ld.lld': 'ld.dtlto',
  'lld-link': 'dtlto-link',
  'ld64.lld': 'ld64.dtlto',
  'wasm-ld': 'wasm-ld.dtlto',
} as const

const BIN = join(WORK, 'bin')
const LINKERS = join(WORK, 'linkers')
const EXECUTION = join(WORK, 'execution')
const RECORDS = join(WORK, 'records')

/** Runs `tests` (relative to lld/test). `label` names where results are kept. */
export async function runTests(
  { directory: source, fits }: LldTests,
  tests: readonly string[],
  modeName: ModeName,
  label: string = modeName,
): Promise<Run> {
  const mode: Mode = modes[modeName]
  const results = join(WORK, 'results', label)
  await Promise.all(
    [BIN, LINKERS, EXECUTION, RECORDS, results].map((path) => rm(path, { recursive: true, force: true })),
  )
  await Promise.all([BIN, LINKERS, EXECUTION, RECORDS, results].map((path) => mkdir(path, { recursive: true })))
  await Promise.all([writePrograms(mode, fits), writeSiteConfiguration(source)])
  const report = join(results, 'lit.json')
  await lit(
    tests.map((test) => join(source, 'lld/test', test)),
    report,
    join(results, 'lit.log'),
  )
  await rename(EXECUTION, join(results, 'execution'))
  await rename(RECORDS, join(results, 'records'))
  return readRun(results)
}

/** The directory that the tests take all programs from: LLVM's, and stand-ins for some. */
async function writePrograms(mode: Mode, fits: boolean): Promise<void> {
  const template = await readFile(new URL('linker.sh', import.meta.url), 'utf8')
  // Under its own path: dtlto gives lld the stock program's, which outputs and messages hold.
  const settings = [`linkers='${mode.linker === 'stock' ? LLVM_BIN : LINKERS}'`, `records='${RECORDS}'`]
  if (mode.distribute !== undefined) settings.push(`export DTLTO_DISTRIBUTE='${mode.distribute}'`)
  const standIns = new Map<string, string>()
  for (const [name, program] of Object.entries(PROGRAMS)) {
    standIns.set(name, template.replace('#!/bin/sh\n', `#!/bin/sh\n${settings.join('\n')}\n`))
    await symlink(join(DTLTO_BIN, program), join(LINKERS, name))
  }
  // What another version was expected to print must not end a test before its last link.
  if (!fits) standIns.set('FileCheck', `#!/bin/sh\n'${join(LLVM_BIN, 'FileCheck')}' "$@"\nexit 0\n`)
  for (const name of await readdir(LLVM_BIN)) {
    if (!standIns.has(name)) await symlink(join(LLVM_BIN, name), join(BIN, name))
  }
  for (const [name, script] of standIns) {
    await writeFile(join(BIN, name), script)
    await chmod(join(BIN, name), 0o755)
  }
}

/** What CMake makes of lit.site.cfg.py.in in a build of lld; here, of the packages' programs. */
async function writeSiteConfiguration(source: string): Promise<void> {
  const values: Readonly<Record<string, string>> = {
    LIT_SITE_CFG_IN_HEADER: 'import sys\n\ndef path(p):\n    return p\n',
    LLVM_SOURCE_DIR: join(source, 'llvm'),
    LLD_SOURCE_DIR: join(source, 'lld'),
    LLVM_BINARY_DIR: join(LLVM_BIN, '..'),
    LLVM_TOOLS_DIR: BIN,
    LLVM_LIBS_DIR: join(LLVM_BIN, '../lib'),
    SHLIBDIR: join(LLVM_BIN, '../lib'),
    SHLIBEXT: '.so',
    LLD_BINARY_DIR: EXECUTION,
    CURRENT_LIBS_DIR: join(LLVM_BIN, '../lib'),
    CURRENT_TOOLS_DIR: BIN,
    LLVM_HOST_TRIPLE: 'x86_64-pc-linux-gnu',
    LLVM_TARGET_TRIPLE: 'x86_64-pc-linux-gnu',
    Python3_EXECUTABLE: '/usr/bin/python3',
    LLVM_ENABLE_ZLIB: '1',
    LLVM_ENABLE_ZSTD: '1',
    LLVM_ENABLE_LIBXML2: '1',
    LLVM_ENABLE_PLUGINS: '1',
    CMAKE_SIZEOF_VOID_P: '8',
  }
  const template = await readFile(join(source, 'lld/test/lit.site.cfg.py.in'), 'utf8')
  const text = template.replace(/(r?")?@(\w+)@/g, (_, quote: string | undefined, name: string) =>
    quote === undefined ? (values[name] ?? '0') : `${quote}${values[name] ?? ''}`,
  )
  await writeFile(join(source, 'lld/test/lit.site.cfg.py'), text)
}

/** Whether tests pass is in the report; rejects when lit itself could not run. */
async function lit(tests: readonly string[], report: string, log: string): Promise<void> {
  const args = [`-j${availableParallelism()}`, '-v', '--ignore-fail', '-o', report]
  const chunks: Buffer[] = []
  const code = await new Promise<number | null>((resolve, reject) => {
    const child = spawn(join(LLVM_BIN, 'lit'), [...args, ...tests], {
      env: environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.on('error', reject).on('close', resolve)
  })
  await writeFile(log, Buffer.concat(chunks))
  if (code !== 0) throw new Error(`lit exited with ${code}: ${Buffer.concat(chunks).toString().slice(-2000)}`)
}

/** English, no jobserver, nothing that steers a link from outside. */
function environment(): NodeJS.ProcessEnv {
  const steers = /^(DTLTO_|NODE_|MAKE|MFLAGS|LC_|LANG|LINK$|_LINK_$|SOURCE_DATE_EPOCH|LLD_|LIT_|FILECHECK_)/
  const env = Object.entries(process.env).filter(([name]) => !steers.test(name))
  // LLVM 23's lit refuses to run tests by the system's shell, which those of older versions ask for.
  const shell = firstLlvm() >= 23 ? { LIT_USE_INTERNAL_SHELL: '1' } : {}
  return { ...Object.fromEntries(env), ...shell, PYTHONDONTWRITEBYTECODE: '1' }
}
