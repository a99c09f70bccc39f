import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { before, describe, test } from 'node:test'
import { codegenProgram } from '@dtlto/native'
import { compile, inTemporaryDirectory, LLVM_BIN, must, type Ran, run, STOCK } from '../link/toolchain.js'
import { x86_64 } from '../parity/targets.js'
import { keptJobs, type KeptJob, writeJob } from './jobs.js'
import { compileFor } from './small-links.js'

const CODEGEN = codegenProgram()
const NM = join(LLVM_BIN, 'llvm-nm')

let plain: readonly KeptJob[]
/** With a sample profile, split debug information and remarks. */
let rich: KeptJob

before(() =>
  inTemporaryDirectory(async (cwd) => {
    const inputs = compileFor(x86_64, cwd, ['-g', '-gsplit-dwarf']).map((object) => join(cwd, object))
    const argv = [STOCK, '-shared', ...inputs, '-o', join(cwd, 'out')]
    plain = await keptJobs(argv)
    writeFileSync(join(cwd, 'profile.txt'), 'entry:4200:10\n 1: 10\n')
    const more = [
      `--lto-sample-profile=${join(cwd, 'profile.txt')}`,
      '--plugin-opt=dwo_dir=dwos',
      `--plugin-opt=opt-remarks-filename=${join(cwd, 'remarks')}`,
      '--plugin-opt=opt-remarks-format=yaml',
      '--plugin-opt=-inline-threshold=7',
    ]
    const before = process.cwd()
    process.chdir(cwd) // the .dwo directory is relative, as users write it
    try {
      rich = (await keptJobs([...argv, ...more])).find(({ moduleId }) => moduleId.endsWith('main.o')) as KeptJob
    } finally {
      process.chdir(before)
    }
  }),
)

/** The options' text of a job. */
function optionsOf({ job }: KeptJob): string {
  return Buffer.from(job.blobs.find(({ role }) => role === 'options')?.content.bytes() ?? []).toString('latin1')
}

describe('dtlto-codegen --job', () => {
  test('makes the object of the linking process from a directory, and nothing else', () =>
    inTemporaryDirectory(async (cwd) => {
      for (const { job, object, moduleId } of plain) {
        await writeJob(job, join(cwd, 'job'))
        const before = readdirSync(join(cwd, 'job'))
        assert.deepEqual(run(CODEGEN, ['--job', 'job', '-o', 'o'], { cwd }), { exitCode: 0, stdout: '', stderr: '' })
        assert.ok(Buffer.compare(readFileSync(join(cwd, 'o')), object) === 0, moduleId)
        assert.deepEqual(readdirSync(join(cwd, 'job')), before)
        assert.deepEqual(readdirSync(cwd).sort(), ['job', 'o'])
      }
    }))

  test('makes the outputs beside the object, in a result of their own, and asks for a place when it has none', () =>
    inTemporaryDirectory(async (cwd) => {
      await writeJob(rich.job, join(cwd, 'job'))
      assert.deepEqual(run(CODEGEN, ['--job', 'job', '-o', 'o'], { cwd }), {
        exitCode: 2,
        stdout: '',
        stderr: 'dtlto-codegen: error: the job has outputs beside the object: --side-outputs DIR is needed\n',
      })
      must(CODEGEN, ['--job', 'job', '-o', 'o', '--side-outputs', 'side'], { cwd })
      assert.ok(Buffer.compare(readFileSync(join(cwd, 'o')), rich.object) === 0)
      const result = readFileSync(join(cwd, 'side', 'result'), 'latin1')
      assert.match(result, /^DTLR/)
      assert.match(result, new RegExp(`output dwo "dwos/${String(rich.job.task)}\\.dwo" [1-9]`))
      assert.match(result, new RegExp(`output remarks "[^"]*/remarks\\.thin\\.${String(rich.job.task)}\\.yaml" [1-9]`))
      assert.deepEqual(readdirSync(cwd).sort(), ['job', 'o', 'side'])
    }))

  test('refuses a directory that is incomplete, damaged or no job with exit code 3, and says why', () =>
    inTemporaryDirectory(async (cwd) => {
      const { job } = plain[0] as KeptJob
      const refusal = (): string => {
        const { exitCode, stderr } = run(CODEGEN, ['--job', 'job', '-o', 'o'], { cwd })
        assert.equal(exitCode, 3, stderr)
        assert.ok(!existsSync(join(cwd, 'o')))
        return stderr
      }
      assert.match(refusal(), /cannot read 'job\/job\.txt': No such file/)
      await writeJob({ ...job, llvmVersion: '99.1.0' }, join(cwd, 'job'))
      assert.match(refusal(), /made by LLVM 99\.1\.0, and this worker has LLVM \d+\.\d+\.\d+/)
      await writeJob(job, join(cwd, 'job'))
      const [, name = ''] = /^blob own "[^"]*" (\w+)/m.exec(readFileSync(join(cwd, 'job/job.txt'), 'utf8')) ?? []
      const own = join(cwd, 'job', name)
      const bytes = readFileSync(own)
      writeFileSync(own, bytes.subarray(0, -1))
      assert.match(refusal(), /expected \d+ bytes of blob [0-9a-f]{4,} but received \d+/)
      bytes[100] = (bytes[100] ?? 0) ^ 4
      writeFileSync(own, bytes)
      assert.match(refusal(), /the contents of blob [0-9a-f]{4,} do not have this digest/)
      writeFileSync(
        join(cwd, 'job', 'job.txt'),
        readFileSync(join(cwd, 'job', 'job.txt'), 'utf8').replace(/blob own .*/, ''),
      )
      assert.match(refusal(), /unexpected line ''|malformed line ''|expected one blob 'own'/)
    }))

  test('tells errors of usage, of files and of the module apart by its exit code', () =>
    inTemporaryDirectory(async (cwd) => {
      await writeJob((plain[0] as KeptJob).job, join(cwd, 'job'))
      assert.equal(run(CODEGEN, ['--job', 'job'], { cwd }).exitCode, 2)
      assert.equal(run(CODEGEN, ['--job', 'job', '-o', 'o', '--fast'], { cwd }).exitCode, 2)
      assert.equal(run(CODEGEN, ['--job', 'job', '-o', 'no/such/place/o'], { cwd }).exitCode, 4)
      const [bad = ''] = compile(cwd, { 'bad.c': 'void f(void) { __asm__("no_such_instruction"); }' })
      const [job] = await keptJobs([STOCK, '-shared', join(cwd, bad), '-o', join(cwd, 'out')], { objects: false })
      await writeJob((job as KeptJob).job, join(cwd, 'bad'))
      const { exitCode, stderr } = run(CODEGEN, ['--job', 'bad', '-o', 'o'], { cwd })
      assert.equal(exitCode, 5)
      assert.match(stderr, /error: m0 <inline asm>:1:2: invalid instruction mnemonic 'no_such_instruction'/)
    }))
})

describe('dtlto-codegen --jobs', () => {
  test('makes of each job what it makes of it alone, whichever others there are', () =>
    inTemporaryDirectory(async (cwd) => {
      const jobs = [...plain, rich]
      for (const [i, { job }] of jobs.entries()) {
        await writeJob(job, join(cwd, 'jobs', String(i)))
        mkdirSync(join(cwd, 'alone'), { recursive: true })
        must(CODEGEN, ['--job', `jobs/${i}`, '-o', `alone/${i}.o`, '--side-outputs', `alone/${i}`], { cwd })
      }
      must(CODEGEN, ['--jobs', 'jobs', '--side-outputs', 'out'], { cwd })
      assert.deepEqual(
        readdirSync(join(cwd, 'out')).sort(),
        jobs.map((_, i) => String(i)),
      )
      for (const [i, { object }] of jobs.entries()) {
        assert.ok(readFileSync(join(cwd, `out/${i}/object.o`)).equals(object), `object ${i}`)
        const result = readFileSync(join(cwd, `out/${i}/result`))
        assert.ok(result.equals(readFileSync(join(cwd, `alone/${i}/result`))), `result ${i}`)
      }
    }))

  test('leaves nothing of those that do not compile or are refused, and the others are compiled', () =>
    inTemporaryDirectory(async (cwd) => {
      const [bad = ''] = compile(cwd, { 'bad.c': 'void f(void) { __asm__("no_such_instruction"); }' })
      const [badJob] = await keptJobs([STOCK, '-shared', join(cwd, bad), '-o', join(cwd, 'out')], { objects: false })
      const [first, second] = plain as [KeptJob, KeptJob]
      await writeJob(first.job, join(cwd, 'jobs/0'))
      await writeJob((badJob as KeptJob).job, join(cwd, 'jobs/1'))
      await writeJob({ ...first.job, llvmVersion: '99.1.0' }, join(cwd, 'jobs/2'))
      await writeJob(second.job, join(cwd, 'jobs/3'))
      const { exitCode, stderr } = run(CODEGEN, ['--jobs', 'jobs', '--side-outputs', 'out'], { cwd })
      assert.equal(exitCode, 0, stderr)
      assert.match(stderr, /no_such_instruction/)
      assert.match(stderr, /made by LLVM 99\.1\.0/)
      assert.deepEqual(readdirSync(join(cwd, 'out/1')), [])
      assert.deepEqual(readdirSync(join(cwd, 'out/2')), [])
      for (const [i, { object }] of [
        [0, first],
        [3, second],
      ] as const)
        assert.ok(readFileSync(join(cwd, `out/${i}/object.o`)).equals(object), `object ${i}`)
    }))

  test('says what is wrong when it cannot read the jobs or write what it makes', () =>
    inTemporaryDirectory(async (cwd) => {
      const refusal = (args: readonly string[]): Ran => run(CODEGEN, args, { cwd })
      assert.deepEqual(refusal(['--jobs', 'nowhere', '--side-outputs', 'out']), {
        exitCode: 4,
        stdout: '',
        stderr: "dtlto-codegen: error: cannot read the directory 'nowhere': No such file or directory\n",
      })
      await writeJob((plain[0] as KeptJob).job, join(cwd, 'jobs/0'))
      writeFileSync(join(cwd, 'file'), '')
      const { exitCode, stderr } = refusal(['--jobs', 'jobs', '--side-outputs', 'file'])
      assert.equal(exitCode, 4)
      assert.match(stderr, /cannot make the directory 'file\/0': Not a directory/)
      assert.equal(refusal(['--jobs', 'jobs']).exitCode, 2)
      assert.equal(refusal(['--jobs', 'jobs', '--side-outputs', 'out', '--job', 'jobs/0', '-o', 'o']).exitCode, 2)
    }))
})

describe('dtlto-codegen --print-options', () => {
  test('prints the options of a file and of a job as they are', () =>
    inTemporaryDirectory(async (cwd) => {
      const text = optionsOf(rich)
      writeFileSync(join(cwd, 'options'), text, 'latin1')
      await writeJob(rich.job, join(cwd, 'job'))
      assert.equal(must(CODEGEN, ['--print-options', 'options'], { cwd }), text)
      assert.equal(must(CODEGEN, ['--print-options', 'job'], { cwd }), text)
      assert.match(text, /^OptLevel=2$/m)
      assert.match(text, /^DwoDir="dwos"$/m)
    }))

  for (const [what, change, error] of [
    ['an unknown field', (text) => `${text}NoSuchField=1\n`, /line (\d+): unknown field 'NoSuchField'/],
    ['a repeated field', (text) => `${text}OptLevel=2\n`, /line (\d+): 'OptLevel' is given twice/],
    ['a missing field', (text) => text.replace(/^OptLevel=.*\n/m, ''), /field 'OptLevel' is missing/],
    [
      'a bad number',
      (text) => text.replace(/^OptLevel=2/m, 'OptLevel=two'),
      /line (\d+): 'two' is no value for 'OptLevel'/,
    ],
    ['an impossible level', (text) => text.replace(/^OptLevel=2/m, 'OptLevel=4'), /'OptLevel' is above 3/],
    ['a bad name', (text) => text.replace(/^CGOptLevel=default/m, 'CGOptLevel=most'), /line (\d+): 'most' is no value/],
    [
      'a bad string',
      (text) => text.replace(/^DwoDir=.*/m, 'DwoDir="\\x"'),
      /line (\d+): '"\\x"' is no value for 'DwoDir'/,
    ],
    ['a line without a value', (text) => `${text}garbage\n`, /line (\d+): expected key=value/],
    ['another LLVM', (text) => text.replace(/llvm \d+\.\S+/, 'llvm 21.0.0'), /must be of one version/],
    ['nothing', () => '', /expected 'dtlto-codegen-options 1 llvm \d.* but received ''/],
  ] satisfies readonly (readonly [string, (text: string) => string, RegExp])[]) {
    test(`refuses ${what} and names the place`, () =>
      inTemporaryDirectory((cwd) => {
        const text = change(optionsOf(rich))
        writeFileSync(join(cwd, 'options'), text, 'latin1')
        const { exitCode, stdout, stderr } = run(CODEGEN, ['--print-options', 'options'], { cwd })
        assert.deepEqual([exitCode, stdout], [3, ''])
        const [, line] = error.exec(stderr) ?? assert.fail(stderr)
        if (line !== undefined) assert.match(text.split('\n')[Number(line) - 1] ?? '', /NoSuch|OptLevel|DwoDir|garbage/)
      }))
  }
})

describe('dtlto-codegen --manifest', () => {
  test('lists the program and every library that it loads, with their digests', () =>
    inTemporaryDirectory((cwd) => {
      const lines = must(CODEGEN, ['--manifest'], { cwd }).trimEnd().split('\n')
      const entries = lines.map((line) => /^([0-9a-f]{64}) (\d+) "(.+)"$/.exec(line) ?? assert.fail(line))
      const paths = entries.map(([, digest, size, path = '']) => {
        assert.equal(createHash('sha256').update(readFileSync(path)).digest('hex'), digest)
        assert.equal(statSync(path).size, Number(size))
        return realpathSync(path)
      })
      assert.equal(paths[0], realpathSync(CODEGEN))
      const linked = [...must('ldd', [CODEGEN], { cwd }).matchAll(/(\/\S+) \(0x/g)].map(([, path = '']) =>
        realpathSync(path),
      )
      assert.ok(linked.some((path) => path.includes('libLLVM')))
      assert.deepEqual(paths.slice(1).sort(), linked.sort())
    }))

  test('is the same when the program is found by PATH', () =>
    inTemporaryDirectory((cwd) => {
      writeFileSync(join(cwd, basename(CODEGEN)), 'another file of this name')
      const env = { PATH: `${dirname(CODEGEN)}:/usr/bin:/bin` }
      assert.equal(must(basename(CODEGEN), ['--manifest'], { cwd, env }), must(CODEGEN, ['--manifest'], { cwd }))
    }))

  test('and --version names the versions that a job must have', () =>
    inTemporaryDirectory((cwd) => {
      const { llvmVersion } = (plain[0] as KeptJob).job
      assert.equal(must(CODEGEN, ['--version'], { cwd }), `dtlto-codegen job 3 options 1 llvm ${llvmVersion}\n`)
    }))
})

describe('dtlto-codegen', () => {
  test('holds nothing of lld', () =>
    inTemporaryDirectory((cwd) => {
      const symbolsOfLld = (program: string) => must(NM, [program], { cwd }).match(/_ZNK?3lld\w*/g) ?? []
      assert.ok(symbolsOfLld(join(dirname(CODEGEN), 'dtlto.node')).length > 1000)
      assert.deepEqual(symbolsOfLld(CODEGEN), [])
    }))
})
