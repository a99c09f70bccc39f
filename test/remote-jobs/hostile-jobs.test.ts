/** Jobs that no linker would make: dtlto-codegen refuses them, and opens or writes nothing that they name. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { codegenProgram } from '@dtlto/native'
import type { JobPackage } from '../../packages/dtlto/src/distributors/interface.js'
import { compile, inTemporaryDirectory, run, STOCK, LLVM_MAJOR } from '../link/toolchain.js'
import { x86_64 } from '../parity/targets.js'
import { contentOf, keptJobs, type KeptJob, writeJob } from './jobs.js'
import { compileFor } from './small-links.js'

const since23 = Number(LLVM_MAJOR) >= 23

let good: KeptJob

before(() =>
  inTemporaryDirectory(async (cwd) => {
    const inputs = compileFor(x86_64, cwd).map((object) => join(cwd, object))
    good = (await keptJobs([STOCK, '-shared', ...inputs, '-o', join(cwd, 'out')]))[0] as KeptJob
  }),
)

/** The good job with a field of its options changed. */
function withOption(job: JobPackage, key: string, value: string): JobPackage {
  return {
    ...job,
    blobs: job.blobs.map((blob) => {
      if (blob.role !== 'options') return blob
      const text = Buffer.from(blob.content.bytes()).toString('latin1')
      const changed = text.replace(new RegExp(`^${key}=.*$`, 'm'), `${key}=${value}`)
      assert.notEqual(changed, text, `no field ${key}`)
      return { ...blob, content: contentOf(Buffer.from(changed, 'latin1')) }
    }),
  }
}

/** Compiles under strace: the exit code, what was said, and every path that was opened or executed. */
async function traced(job: JobPackage, cwd: string) {
  await writeJob(job, join(cwd, 'job'))
  const args = ['-f', '-qq', '-e', 'trace=openat,open,creat,execve,connect,unlink,rename', '-o', 'trace']
  const { exitCode, stderr } = run('strace', [...args, codegenProgram(), '--job', 'job', '-o', 'o'], { cwd })
  return { exitCode, stderr, trace: readFileSync(join(cwd, 'trace'), 'utf8') }
}

const SECRET = 'a-file-of-the-worker'

describe('dtlto-codegen refuses a job', () => {
  const CASES: readonly (readonly [what: string, make: (job: JobPackage, secret: string) => JobPackage])[] = [
    [
      'with a pass plugin',
      (job, secret) => withOption(job, since23 ? 'PassPluginFilenames' : 'PassPlugins', `["${secret}"]`),
    ],
    ['that loads code by an LLVM option', (job, secret) => ({ ...job, replayedArgs: [`-load=${secret}`] })],
    ['with a response file', (job, secret) => ({ ...job, replayedArgs: [`@${secret}`] })],
    ['with a response file among the options', (job, secret) => withOption(job, 'MllvmArgs', `["@${secret}"]`)],
    ['that runs a program', (job, secret) => ({ ...job, replayedArgs: [`-exec-on-ir-change=${secret}`] })],
    ['that ends the process', (job) => ({ ...job, replayedArgs: ['--version'] })],
    ['that asks for help', (job) => ({ ...job, replayedArgs: ['-help'] })],
    ['with an option that names a file', (job) => ({ ...job, replayedArgs: [`-info-output-file=${SECRET}`] })],
    [
      'that writes stack usage',
      (job, secret) => withOption(job, since23 ? 'Target.StackUsageFile' : 'Target.StackUsageOutput', `"${secret}"`),
    ],
    ['with a log of the assembler', (job, secret) => withOption(job, 'MC.AsSecureLogFile', `"${secret}"`)],
    ['that searches directories', (job, secret) => withOption(job, 'MC.IASSearchPaths', `["${secret}"]`)],
    ['that names where .dwo files go', (job, secret) => withOption(job, 'SplitDwarfOutput', `"${secret}"`)],
    ['with a profile that is not in it', (job, secret) => withOption(job, 'SampleProfile', `"${secret}"`)],
    ['with a remapping that is not in it', (job, secret) => withOption(job, 'ProfileRemapping', `"${secret}"`)],
    ['whose pipeline writes files', (job) => withOption(job, 'OptPipeline', '"function(dot-cfg)"')],
  ]
  for (const [what, make] of CASES) {
    test(`${what}, and opens nothing that it names`, () =>
      inTemporaryDirectory(async (cwd) => {
        writeFileSync(join(cwd, SECRET), '-stats\n')
        const { exitCode, stderr, trace } = await traced(make(good.job, join(cwd, SECRET)), cwd)
        assert.equal(exitCode, 3, stderr)
        assert.doesNotMatch(trace, new RegExp(SECRET))
        assert.equal(readFileSync(join(cwd, SECRET), 'utf8'), '-stats\n')
        assert.ok(!existsSync(join(cwd, 'o')))
      }))
  }

  for (const [what, source] of [
    ['of the module', `__asm__(".section .rodata\\n.incbin \\"${SECRET}\\"\\n.text"); int f(void) { return 1; }`],
    [
      'of a function',
      `int f(void) { __asm__ volatile(".pushsection .x\\n.incbin \\"${SECRET}\\"\\n.popsection"); return 1; }`,
    ],
    ['that includes', `__asm__(".include \\"${SECRET}\\""); int f(void) { return 1; }`],
    [
      'with a macro',
      `__asm__(".macro rd a b\\n.\\\\a\\\\b \\"${SECRET}\\"\\n.endm\\nrd inc bin"); int f(void) { return 1; }`,
    ],
    ['that repeats', `__asm__(".irp w,inc\\n.\\\\w\\\\()bin \\"${SECRET}\\"\\n.endr"); int f(void) { return 1; }`],
    [
      'in two dialects',
      `int f(void) { __asm__ volatile(".pushsection .x\\n.inc{bin|lude} \\"${SECRET}\\"\\n.popsection" :::); return 1; }`,
    ],
    [
      'with the name of a symbol',
      `extern __attribute__((visibility("hidden"))) char incbin[];
       int f(void) { __asm__ volatile(".pushsection .x\\n.%c0 \\"${SECRET}\\"\\n.popsection" :: "i"(incbin)); return 1; }`,
    ],
    ['in quotes', `__asm__("\\".incbin\\" \\"${SECRET}\\""); int f(void) { return 1; }`],
    ['of a file of /proc', `__asm__(".rodata\\n.incbin \\"/proc/self/environ\\"\\n.text"); int f(void) { return 1; }`],
    [
      'of what the program inherited',
      `int f(void) { __asm__ volatile(".pushsection .x\\n.incbin \\"/proc/self/fd/0\\"\\n.popsection"); return 1; }`,
    ],
  ] as const) {
    test(`whose assembly ${what} reads a file`, () =>
      inTemporaryDirectory(async (cwd) => {
        writeFileSync(join(cwd, SECRET), '.byte 1\n')
        const [input = ''] = compile(cwd, { 'reads.c': source }, ['-fno-integrated-as', '-fPIC', '-w'])
        const [kept] = await keptJobs([STOCK, '-shared', join(cwd, input), '-o', join(cwd, 'out')], { objects: false })
        const { exitCode, stderr, trace } = await traced((kept as KeptJob).job, cwd)
        assert.equal(exitCode, 3, stderr)
        assert.match(stderr, /must not leave its machine: inline assembly reads a file/)
        assert.doesNotMatch(trace, new RegExp(`${SECRET}|/proc/self/(environ|fd/0)`))
      }))
  }

  test('for no reason if there is none', () =>
    inTemporaryDirectory(async (cwd) => {
      const { exitCode, stderr, trace } = await traced(good.job, cwd)
      assert.equal(exitCode, 0, stderr)
      const written = [...trace.matchAll(/open(?:at)?\([^"]*"([^"]*)", [^)]*O_(?:WRONLY|RDWR)/g)].map(
        ([, path]) => path,
      )
      assert.deepEqual(
        written.filter((path = '') => !path.startsWith('/proc/self/fd/')),
        ['o'],
      )
    }))
})
