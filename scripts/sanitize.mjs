/**
 * Tests with the C++ code built under a sanitizer.
 *
 *     node scripts/sanitize.mjs address|thread|undefined [FILTER...]      FILTER: part of a test file's path
 *
 * Builds in build/sanitize/NAME, runs the unit tests in C++, and then the test files that link (those of FILTERS below, or
 * those named). Node is not built with the sanitizer, nor are libLLVM and lld; what they do is seen only where it goes through the
 * C library. The sanitizer's runtime must be in a process before the addon, so Node is started by a script that preloads it; the
 * linker programs find that script by DTLTO_NODE.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildNative, UNIT_TESTS } from './build-native.mjs'
import { build } from './build.mjs'
import { ROOT } from './root.mjs'

/** @typedef {{ readonly runtime: string, readonly variable: string, readonly options: Readonly<Record<string, string>> }} Sanitizer */

/** What is not ours to mend, each with its reason. */
const THREAD_SUPPRESSIONS = join(ROOT, 'scripts/sanitize-thread.txt')

/** @type {Readonly<Record<string, Sanitizer>>} */
const SANITIZERS = {
  address: {
    runtime: 'asan',
    variable: 'ASAN_OPTIONS',
    options: {
      // A process that linked ends without freeing anything, as lld's does.
      detect_leaks: '0',
      // V8 and crash reports have handlers of their own. LLVM sets a signal stack, too, and the runtime would free that.
      handle_segv: '0',
      use_sigaltstack: '0',
      detect_stack_use_after_return: '1',
      strict_string_checks: '1',
    },
  },
  thread: {
    runtime: 'tsan',
    variable: 'TSAN_OPTIONS',
    options: {
      // The runtime does not see how V8 and libLLVM synchronize.
      ignore_noninstrumented_modules: '1',
      handle_segv: '0',
      use_sigaltstack: '0',
      second_deadlock_stack: '1',
      suppressions: THREAD_SUPPRESSIONS,
    },
  },
  undefined: { runtime: 'ubsan_standalone', variable: 'UBSAN_OPTIONS', options: { print_stacktrace: '1' } },
}

/** The tests of whole links that go through most of the C++ code, in this process and in others. */
const FILTERS = [
  'test/link/session',
  'test/link/identity',
  'test/embedding',
  'test/remote-jobs/isolated-links',
  'test/remote-jobs/service',
  'test/remote-jobs/codegen-program',
  'test/remote-jobs/killed-worker',
  'test/plugins/c-plugin',
  'test/engines/worker-command',
  'test/engines/ssh.test',
  'test/engines/ssh-faults',
]

/** Not the programs that start Node: they are written into packages/dtlto/bin. */
const TARGETS = ['dtlto_node', 'dtlto-codegen', UNIT_TESTS]

const [name = '', ...filters] = process.argv.slice(2)
const sanitizer = SANITIZERS[name]
if (sanitizer === undefined) {
  console.error(`usage: node scripts/sanitize.mjs ${Object.keys(SANITIZERS).join('|')} [FILTER...]`)
  process.exit(1)
}
process.exit((await main(sanitizer)) ? 0 : 1)

/** @param {Sanitizer} sanitizer */
async function main({ runtime, variable, options }) {
  const directory = join(ROOT, 'build/sanitize', name)
  const definitions = {
    CMAKE_BUILD_TYPE: 'None',
    CMAKE_C_COMPILER: 'clang-22',
    CMAKE_CXX_COMPILER: 'clang++-22',
    CMAKE_CXX_FLAGS: '-O1',
    DTLTO_SANITIZE: name,
  }
  if (!(await build()) || !buildNative({ directory, definitions, targets: TARGETS })) return false
  const reports = join(directory, 'reports')
  rmSync(reports, { recursive: true, force: true })
  mkdirSync(reports)
  const settings = { ...options, log_path: join(reports, 'report'), log_exe_name: '1' }
  const env = {
    ...process.env,
    [variable]: Object.entries(settings)
      .map(([key, value]) => `${key}=${value}`)
      .join(':'),
    DTLTO_NATIVE: join(directory, 'dtlto.node'),
    DTLTO_NODE: writeNode(directory, runtimePath(runtime)),
    // Plugins in C that tests build.
    CC: 'clang-22',
    CFLAGS: `-fsanitize=${name} -fno-omit-frame-pointer -g`,
  }
  const steps = [
    [join(directory, UNIT_TESTS), '--gtest_brief=1'],
    // Embedding tests load the addon into the test runner's own processes.
    [env.DTLTO_NODE, join(ROOT, 'scripts/test.mjs'), ...(filters.length > 0 ? filters : FILTERS)],
  ]
  let passed = true
  for (const [program = '', ...args] of steps) {
    passed = spawnSync(program, args, { cwd: ROOT, env, stdio: 'inherit' }).status === 0 && passed
  }
  return printReports(reports) && passed
}

/** @param {string} runtime */
function runtimePath(runtime) {
  const { stdout } = spawnSync('clang++-22', ['-print-runtime-dir'], { encoding: 'utf8' })
  const path = join(stdout.trim(), `libclang_rt.${runtime}-${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}.so`)
  if (!existsSync(path)) throw new Error(`no '${path}': on Debian and Ubuntu the package libclang-rt-22-dev has it`)
  return path
}

/**
 * A Node with the runtime in it. Its children get it, too.
 * @param {string} directory
 * @param {string} runtime
 */
function writeNode(directory, runtime) {
  const script = join(directory, 'node')
  writeFileSync(script, `#!/bin/sh\nexport LD_PRELOAD='${runtime}'\nexec '${process.execPath}' "$@"\n`)
  chmodSync(script, 0o755)
  return script
}

/** A process that finds something ends with an error, but a test may expect one: what counts is that nobody wrote a report. */
function printReports(/** @type {string} */ directory) {
  const reports = existsSync(directory) ? readdirSync(directory).sort() : []
  for (const report of reports) console.log(readFileSync(join(directory, report), 'utf8'))
  console.log(`sanitize: ${reports.length} reports of the ${name} sanitizer`)
  return reports.length === 0
}
