import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import type { CodegenAnswer } from '../../packages/dtlto/src/distributors/codegen/message.js'
import { compile, inTemporaryDirectory, slowProgram } from '../link/toolchain.js'
import { x86_64 } from '../parity/targets.js'
import { contentOf, keptJobs, type KeptJob } from './jobs.js'
import { message, rewritten, type Service, withService } from './service.js'
import { compileFor, stockLinker } from './small-links.js'

/** How soon a worker that nobody listens to must be gone. */
const GONE_MS = 1000

let jobs: readonly KeptJob[]
let slow: KeptJob

before(() =>
  inTemporaryDirectory(async (cwd) => {
    const argv = (objects: readonly string[]): string[] => [
      stockLinker(x86_64),
      '-shared',
      ...objects.map((object) => join(cwd, object)),
      '-o',
      join(cwd, 'out'),
    ]
    jobs = await keptJobs(argv(compileFor(x86_64, cwd)))
    // A module whose backend takes seconds.
    const { 'slow0.c': source } = slowProgram(1)
    const copies = Array.from({ length: 4 }, (_, i) => source?.replaceAll('slow0', `slow${String(i)}`))
    const objects = compile(cwd, { 'slow.c': copies.join('\n') })
    writeFileSync(join(cwd, 'profile'), 'slow0:10:1\n 1: 1\n')
    const profile = `--lto-sample-profile=${join(cwd, 'profile')}`
    ;[slow] = (await keptJobs([...argv(objects), profile], { objects: false })) as [KeptJob]
  }),
)

const job = (index: number): KeptJob => jobs[index] as KeptJob

function isObject(result: CodegenAnswer | undefined, { object }: KeptJob): void {
  assert.equal(result?.status, 'compiled')
  assert.ok(Buffer.compare(result.object, object) === 0, 'the object differs from the one made in the linker')
}

async function refused(service: Service, bytes: Buffer): Promise<string> {
  const result = await service.send(bytes)
  assert.equal(result?.status, 'refused')
  return result.failure
}

describe('a serving dtlto-codegen', () => {
  test('makes the objects of the linking process, one job after the other, and ends with its input', () =>
    withService(async (service) => {
      for (const each of jobs) isObject(await service.send(message(each.job)), each)
      assert.deepEqual(await service.end(), { code: 0, signal: null, stderr: '' })
    }))

  test('takes a message in any pieces', () =>
    withService(async (service) => {
      const bytes = message(job(0).job)
      const pieces = [0, 3, 16, 17, 200, bytes.length - 1].map((at, i, all) => bytes.subarray(at, all[i + 1]))
      isObject(await service.send(...pieces), job(0))
    }))

  test('remembers the modules that it is told to keep, and asks for none that it never had', () =>
    withService(async (service) => {
      assert.match(
        await refused(service, message(job(0).job, 'known')),
        /^job: blob [0-9a-f]{64} was never sent to this/,
      )
      isObject(await service.send(message(job(0).job, 'keep')), job(0))
      isObject(await service.send(message(job(0).job, 'known')), job(0))
      isObject(await service.send(message(job(1).job)), job(1))
    }))

  test('refuses a job of another LLVM, of another format or of other options by name, and does the next one', () =>
    withService(async (service) => {
      const good = message(job(0).job)
      assert.match(
        await refused(service, message({ ...job(0).job, llvmVersion: '21.1.0' })),
        /^job: made by LLVM 21\.1\.0, and this worker has LLVM \d+\.\d+\.\d+/,
      )
      assert.match(
        await refused(service, rewritten(good, 'dtlto-job 3', 'dtlto-job 7')),
        /^job: made in version 7 of the format, and this worker reads version 3$/,
      )
      assert.match(
        await refused(service, message(withOptions('dtlto-codegen-options 1', 'dtlto-codegen-options 9'))),
        /expected 'dtlto-codegen-options 1 llvm .*' but received 'dtlto-codegen-options 9 llvm/,
      )
      assert.match(
        await refused(service, message(withOptions('OptLevel=2', 'OptLevel=z'))),
        /^codegen options: line \d+: 'z' is no value for 'OptLevel'$/,
      )
      isObject(await service.send(good), job(0))
      assert.match(
        await refused(service, message({ ...job(0).job, replayedArgs: ['-inline-threshold=1'] })),
        /compiles with the LLVM options '' and cannot use '-inline-threshold=1' as well; they need a process of their own/,
      )
      isObject(await service.send(good), job(0))
    }))

  test('refuses LLVM options that it does not know, and every job after them, since they are half set', () =>
    withService(async (service) => {
      const unknown = { ...job(0).job, replayedArgs: ['-inline-threshold=1', '-no-such-option'] }
      assert.match(await refused(service, message(unknown)), /no-such-option/)
      assert.match(await refused(service, message(job(0).job)), /no-such-option/)
    }))

  test('refuses a blob that has not the digest of its name, a missing import and an index of another module', () =>
    withService(async (service) => {
      const damaged = message(job(0).job)
      damaged[damaged.length - 5000] = (damaged.at(-5000) ?? 0) ^ 1
      assert.match(await refused(service, damaged), /the contents of blob [0-9a-f]{64} do not have this digest/)
      const { job: full } = jobs.find(({ job: { blobs } }) => blobs.some(({ role }) => role === 'import')) as KeptJob
      const lone = { ...full, blobs: full.blobs.filter(({ role }) => role !== 'import') }
      assert.match(
        await refused(service, message(lone)),
        /the index imports from module 'm\d+', which is not in the job/,
      )
      const renamed = full.blobs.map((blob) => (blob.role === 'own' ? { ...blob, label: 'other' } : blob))
      assert.match(
        await refused(service, message({ ...full, blobs: renamed })),
        /the index is not one of module 'other'/,
      )
      isObject(await service.send(message(job(1).job)), job(1))
    }))

  for (const [what, bytes] of [
    ['something else than a job', () => Buffer.from('GET / HTTP/1.1\r\nHost: worker\r\n\r\n')],
    ['a message larger than any', () => Buffer.concat([message(job(0).job).subarray(0, 8), Buffer.alloc(8, 0xff)])],
    ['half a message', () => message(job(0).job).subarray(0, 3000)],
  ] as const) {
    test(`answers ${what} with a refusal and ends with exit code 3`, () =>
      withService(async (service) => {
        const answer = service.send(bytes())
        service.child.stdin.end()
        assert.equal((await answer)?.status, 'refused')
        assert.equal((await service.ended).code, 3)
      }))
  }

  test('is gone at once when nobody reads its results, idle and in the middle of a job', async () => {
    for (const busy of [false, true]) {
      await withService(async (service) => {
        if (busy) {
          void service.send(message(slow.job))
          await delay(300)
        } else isObject(await service.send(message(job(0).job)), job(0))
        service.child.stdout.destroy()
        await Promise.race([service.exited, delay(GONE_MS).then(() => assert.fail('the worker outlives its linker'))])
      })
    }
  })

  test('leaves no file behind when it is killed in the middle of a job', () =>
    inTemporaryDirectory(async (directory) => {
      const [cwd, temporary] = [join(directory, 'cwd'), join(directory, 'tmp')]
      mkdirSync(cwd)
      mkdirSync(temporary)
      await withService(
        async (service) => {
          const answer = service.send(message(slow.job))
          await delay(300)
          assert.ok(service.child.kill('SIGKILL'))
          assert.equal(await answer, undefined)
          assert.equal((await service.ended).signal, 'SIGKILL')
        },
        { cwd, env: { TMPDIR: temporary } },
      )
      assert.deepEqual([...readdirSync(cwd), ...readdirSync(temporary)], [])
    }))
})

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** The first job with a changed options text. */
function withOptions(from: string, to: string) {
  const { job: original } = job(0)
  return {
    ...original,
    blobs: original.blobs.map((blob) => {
      if (blob.role !== 'options') return blob
      const bytes = Buffer.from(Buffer.from(blob.content.bytes()).toString('latin1').replace(from, to), 'latin1')
      return { ...blob, content: contentOf(bytes) }
    }),
  }
}
