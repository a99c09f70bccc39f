import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { codegenProgram } from '@dtlto/native'
import { CLANG, inTemporaryDirectory, LLVM_BIN, must } from '../link/toolchain.js'
import { keptJobs, writeJob } from './jobs.js'

/** `far` and `value` are declared as if they came from a DLL, but the link itself defines them. */
const SOURCES = {
  'main.c':
    '__declspec(dllimport) int far(int); __declspec(dllimport) extern int value;\nint mainCRTStartup(void) { return far(value); }\n',
  'far.c': '__attribute__((noinline)) int far(int x) { return x * 3 + 1; }\nint value = 5;\n',
}

test('a symbol that the link defines is not dllimport in a distributed object', () =>
  inTemporaryDirectory(async (cwd) => {
    const objects = Object.entries(SOURCES).map(([name, text]) => {
      writeFileSync(join(cwd, name), text)
      const object = join(cwd, name.replace('.c', '.obj'))
      must(CLANG, ['--target=x86_64-pc-windows-msvc', '-flto=thin', '-O2', '-c', name, '-o', object], { cwd })
      return object
    })
    const link = [join(LLVM_BIN, 'lld-link'), `/out:${join(cwd, 'out.exe')}`, '/nodefaultlib', '/entry:mainCRTStartup']
    const jobs = await keptJobs([...link, '/subsystem:console', ...objects])
    assert.equal(jobs.length, 2)
    let symbols = ''
    for (const { job, object, moduleId } of jobs) {
      const directory = join(cwd, `job${String(job.task)}`)
      await writeJob(job, directory)
      must(codegenProgram(), ['--job', directory, '-o', 'made.obj'], { cwd })
      assert.ok(Buffer.compare(readFileSync(join(cwd, 'made.obj')), object) === 0, moduleId)
      symbols += must(join(LLVM_BIN, 'llvm-nm'), ['made.obj'], { cwd })
    }
    // The call is really there, and direct: not through the slot `__imp_far`.
    assert.match(symbols, / U far$/m)
    assert.doesNotMatch(symbols, /__imp_/)
  }))
