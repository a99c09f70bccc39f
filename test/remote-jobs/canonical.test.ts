import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { compile, inTemporaryDirectory, LLVM_BIN, must } from '../link/toolchain.js'
import { coffX64, machoArm64, mingwX64, type Target, wasm32, x86_64 } from '../parity/targets.js'
import { keptJobs, type KeptJob, manifestOf } from './jobs.js'
import { compileFor, stockLinker } from './small-links.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PRINT = fileURLToPath(new URL('print-manifests.ts', import.meta.url))

function argvFor(directory: string, target: Target, inputs: readonly string[], args: readonly string[] = []): string[] {
  const { program, flavour } = target
  const output = flavour === 'coff' ? [`/out:${directory}/out`] : ['-o', join(directory, 'out')]
  return [stockLinker(target), ...program, ...inputs.map((input) => join(directory, input)), ...output, ...args]
}

/** The jobs of a link of `inputs`, which are in `directory`, by the modules' names without the directory. */
async function jobsIn(...link: Parameters<typeof argvFor>): Promise<Map<string, KeptJob>> {
  const jobs = await keptJobs(argvFor(...link), { objects: false })
  return new Map(jobs.map((job) => [job.moduleId.replaceAll(link[0], 'DIR'), job]))
}

function manifests(jobs: ReadonlyMap<string, KeptJob>): Map<string, string> {
  return new Map([...jobs].map(([module, { manifest }]) => [module, manifest]))
}

/** Which jobs differ. */
function changed(before: ReadonlyMap<string, KeptJob>, after: ReadonlyMap<string, KeptJob>): string[] {
  const now = manifests(after)
  return [...manifests(before)]
    .filter(([module, text]) => now.get(module) !== text)
    .map(([module]) => module)
    .sort()
}

/** Two directories with the same program; names of different length and order. */
function inTwoDirectories(use: (first: string, second: string) => Promise<void> | void): Promise<void> {
  return inTemporaryDirectory(async (root) => {
    const directories = [join(root, 'a'), join(root, 'zz a build of somebody else')] as const
    for (const directory of directories) mkdirSync(directory)
    await use(...directories)
  })
}

describe('the jobs of a link', () => {
  for (const target of [x86_64, coffX64, mingwX64, machoArm64, wasm32]) {
    test(`for ${target.name} are the same, byte for byte, in another directory`, () =>
      inTwoDirectories((first, second) => {
        // For COFF clang puts the directory into every module unless told otherwise.
        const [jobs, others] = [first, second].map((directory) => {
          const objects = compileFor(target, directory, ['-ffile-compilation-dir=.'])
          const argv = argvFor(directory, target, objects)
          return JSON.parse(must('node', ['--import', 'tsx', PRINT, ...argv], { cwd: ROOT })) as string[]
        })
        assert.equal(jobs?.length, 3)
        assert.deepEqual(jobs, others)
      }))
  }

  test('hold no path of the directory, with archives, debug information and profiles', () =>
    inTwoDirectories(async (first) => {
      const objects = compileFor(x86_64, first, ['-g', '-fdebug-compilation-dir=.', '-fdebug-prefix-map=/=.'])
      must(join(LLVM_BIN, 'llvm-ar'), ['rc', 'lib.a', ...objects.slice(1)], { cwd: first })
      const jobs = await jobsIn(first, x86_64, [objects[0] ?? '', 'lib.a'])
      assert.equal(jobs.size, 3)
      for (const job of jobs.values()) {
        assert.ok(!job.manifest.includes(first))
        for (const { role, label, content } of job.job.blobs)
          assert.ok(!Buffer.from(content.bytes()).includes(first), `${role} ${label} holds the path`)
      }
    }))

  test('change with a source, for the module and for those that import from it', () =>
    inTemporaryDirectory(async (cwd) => {
      const objects = compileFor(x86_64, cwd)
      const before = await jobsIn(cwd, x86_64, objects)
      compile(cwd, {
        'total.c': 'int add(int a, int b) { return a + b + 1; }\nint total(const int *a, int n) { return a[n - 1]; }\n',
      })
      assert.deepEqual(changed(before, await jobsIn(cwd, x86_64, objects)), [
        'DIR/main.o',
        'DIR/total.o',
        'DIR/twice.o',
      ])
      const alone = await jobsIn(cwd, x86_64, objects)
      compile(cwd, {
        'main.c':
          'int twice(int), total(const int *, int); int entry(void) { int a = twice(4); return total(&a, 1); }\n',
      })
      assert.deepEqual(changed(alone, await jobsIn(cwd, x86_64, objects)), ['DIR/main.o'])
    }))

  test('are what they were when a module is added from which they import nothing', () =>
    inTemporaryDirectory(async (cwd) => {
      const objects = compileFor(x86_64, cwd)
      const before = await jobsIn(cwd, x86_64, objects)
      const [other = ''] = compile(cwd, { 'other.c': 'int other(int n) { return n + 3; }\n' })
      const after = await jobsIn(cwd, x86_64, [other, ...objects], ['--undefined=other'])
      assert.equal(after.size, before.size + 1)
      assert.deepEqual(changed(before, after), [])
    }))

  test('change with an option, a replayed option and what a profile holds, but not with how the output is named', () =>
    inTemporaryDirectory(async (cwd) => {
      const objects = compileFor(x86_64, cwd)
      const all = objects.map((object) => `DIR/${object}`).sort()
      const jobs = (...args: readonly string[]): Promise<Map<string, KeptJob>> => jobsIn(cwd, x86_64, objects, args)
      const before = await jobs()
      assert.deepEqual(changed(before, await jobs()), [])
      assert.deepEqual(changed(before, await jobs('--Map=/dev/null', '--build-id', '-o', join(cwd, 'other'))), [])
      assert.deepEqual(changed(before, await jobs('--lto-O3')), all)
      assert.deepEqual(changed(before, await jobs('-plugin-opt=-inline-threshold=3')), all)
      writeFileSync(join(cwd, 'profile'), 'entry:4200:10\n 1: 10\n')
      const profiled = await jobs(`--lto-sample-profile=${join(cwd, 'profile')}`)
      assert.deepEqual(changed(before, profiled), all)
      writeFileSync(join(cwd, 'profile'), 'entry:4200:10\n 1: 11\n')
      assert.deepEqual(changed(profiled, await jobs(`--lto-sample-profile=${join(cwd, 'profile')}`)), all)
    }))

  test('change with their task number', () =>
    inTemporaryDirectory(async (cwd) => {
      const before = await jobsIn(cwd, x86_64, compileFor(x86_64, cwd))
      for (const { job, manifest } of before.values())
        assert.notEqual(await manifestOf({ ...job, task: job.task + 1 }), manifest)
    }))
})
