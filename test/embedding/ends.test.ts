/** Ends of links in a program that embeds them: whatever happens, nothing waits for ever and nothing goes on behind the caller's back. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { DtltoError, link, type LinkEvent } from '../../packages/dtlto/src/index.js'
import { LinkSession } from '../../packages/dtlto/src/link/session.js'
import { defineDistributor } from '../../packages/dtlto/src/plugin.js'
import { codegen } from '../plugins/codegen.js'
import { compile, inTemporaryDirectory, must, run, SMALL_PROGRAM, STOCK } from '../link/toolchain.js'

const DIST = fileURLToPath(new URL('../../packages/dtlto/dist/index.js', import.meta.url))

/** Takes jobs and never answers; tells when it has one. */
function silentDistributor(onJob: () => void = () => undefined) {
  return defineDistributor({
    name: 'silent',
    apiVersion: '2.0.0',
    options: {},
    open: () => ({
      endpoints: () => [{ id: 'silent', slots: 1, accepting: true }],
      compile: (_job, _endpoint, { signal }) => {
        onJob()
        return new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            reject(new DtltoError('DTLTO_CANCELLED', 'aborted'))
          })
        })
      },
      close: () => Promise.resolve(),
      destroy: () => undefined,
    }),
  })
}

describe('a link in a program', () => {
  let cwd = ''
  let args: readonly string[] = []
  before(() => {
    cwd = mkdtempSync(join(tmpdir(), 'dtlto-'))
    compile(cwd, SMALL_PROGRAM)
    args = ['-shared', '-o', join(cwd, 'out'), ...['main.o', 'twice.o', 'add.o'].map((name) => join(cwd, name))]
    must(STOCK, ['-shared', '-o', 'stock', 'main.o', 'twice.o', 'add.o'], { cwd })
  })
  after(() => {
    rmSync(cwd, { recursive: true })
  })
  const linksAgain = async (): Promise<void> => {
    assert.deepEqual(await link({ flavour: 'elf', args }), { exitCode: 0, stdout: '', stderr: '' })
    assert.ok(readFileSync(join(cwd, 'out')).equals(readFileSync(join(cwd, 'stock'))))
  }

  const moments: readonly [name: string, at: (event: LinkEvent) => boolean][] = [
    ['when the jobs are known', ({ type }) => type === 'jobs'],
    ['when a job is queued', (event) => event.type === 'scheduler' && event.event.kind === 'job-queued'],
    ['when a job is begun', (event) => event.type === 'scheduler' && event.event.kind === 'attempt-started'],
    ['when a job has ended', (event) => event.type === 'scheduler' && event.event.kind === 'job-ended'],
    ['when the objects are known', ({ type }) => type === 'objects'],
    ['at the end', ({ type }) => type === 'end'],
    ['at a message for the developer', ({ type }) => type === 'debug'],
  ]
  for (const [name, at] of moments) {
    test(`rejects with what its listener throws ${name}, and another can follow`, async () => {
      const thrown = new Error('a defect of the listener')
      const talkative = defineDistributor({
        name: 'talkative',
        apiVersion: '2.0.0',
        options: {},
        open: (context) => {
          const good = codegen(context, 1)
          return {
            endpoints: () => [{ id: 'talkative', slots: 1, accepting: true }],
            compile: (job, _endpoint, attempt) => {
              context.debug('one more')
              return good.compile(job, attempt)
            },
            close: () => good.close(),
            destroy: () => good.destroy(),
          }
        },
      })
      const onEvent = (event: LinkEvent): void => {
        if (at(event)) throw thrown
      }
      await assert.rejects(link({ flavour: 'elf', args, distributors: [talkative], onEvent }), thrown)
      await linksAgain()
    })
  }

  test('rejects while its jobs are out with a distributor that never answers', async () => {
    const thrown = new Error('a defect of the listener')
    const events: string[] = []
    const onEvent = (event: LinkEvent): void => {
      events.push(event.type)
      if (event.type === 'scheduler' && event.event.kind === 'attempt-started') throw thrown
    }
    await assert.rejects(
      link({ flavour: 'elf', args, distributors: [silentDistributor()], fallback: 'none', onEvent }),
      thrown,
    )
    assert.ok(!events.includes('objects'))
    await linksAgain()
  })

  test('ends with the worker thread that it runs in, however long its jobs would take', async () => {
    const code = `
      const { parentPort, workerData } = require('node:worker_threads')
      import(workerData.dist).then(({ link }) => link({
        flavour: 'elf', args: workerData.args, fallback: 'none',
        distributors: [{
          name: 'silent', apiVersion: '2.0.0', options: {},
          open: () => ({
            endpoints: () => [{ id: 'silent', slots: 9, accepting: true }],
            async compile(job) {
              await job.package()
              parentPort.postMessage('compiling')
              await new Promise(() => {})
            },
            close: async () => {}, destroy() {},
          }),
        }],
      }))`
    for (let round = 0; round < 3; round++) {
      const worker = new Worker(code, { eval: true, workerData: { dist: DIST, args } })
      const failed = new Promise<never>((_, reject) => worker.once('error', reject))
      await Promise.race([failed, new Promise((resolve) => worker.once('message', resolve))])
      await worker.terminate()
      // lld ends by itself, a little later.
      await untilItMayStart()
      await linksAgain()
    }
  })

  test('does not keep the event loop when it is cancelled, whatever waits for a thread', async () => {
    const session = new LinkSession([STOCK, ...args], true)
    assert.deepEqual(await session.jobsOrEnd, { at: 'jobs' })
    // More than libuv has threads for.
    const calls = Array.from({ length: 40 }, (_, i) =>
      (i % 2 === 0 ? session.native.compileToMemory(i % 3) : session.native.remoteIndex(i % 3, false)).then(
        () => 'done',
        (error: unknown) => String(error),
      ),
    )
    session.native.cancel()
    const ended = await Promise.all(calls)
    assert.ok(ended.includes('Error: the link does not wait for backend jobs (any more)'))
    assert.equal(await session.finished, 1)
    await linksAgain()
  })

  test('that was cancelled in the moment in which its jobs are ready does not say that they are', async () => {
    for (let round = 0; round < 20; round++) {
      const session = new LinkSession([STOCK, ...args], true)
      await session.driver
      // The event loop stands still until lld waits; the event is then in the queue.
      if (round % 2 === 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5 * round)
      session.native.cancel()
      assert.deepEqual(await session.jobsOrEnd, { at: 'end', exitCode: 1 })
      assert.throws(() => session.native.cacheKey(0), /does not wait/)
    }
    await linksAgain()
  })

  /** After a link whose thread ended without a word. */
  async function untilItMayStart(): Promise<void> {
    for (;;) {
      try {
        const session = new LinkSession([STOCK, '--version'], true)
        await session.finished
        return
      } catch (error) {
        if (!DtltoError.is(error) || error.code !== 'DTLTO_LINK_RUNNING') throw error
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }
  }
})

test('after a fatal error of lld no link can follow in the process, and the next one is told so', () =>
  inTemporaryDirectory((cwd) => {
    compile(cwd, SMALL_PROGRAM)
    // Of no byte order.
    const header = Buffer.from('7f454c4609090100000000000000000001003e00', 'hex')
    writeFileSync(join(cwd, 'broken.o'), Buffer.concat([header, Buffer.alloc(64)]))
    const program = `
      import { link } from ${JSON.stringify(DIST)}
      const { exitCode, stderr } = await link({ flavour: 'elf', args: ['main.o', 'broken.o'] })
      console.log(exitCode, stderr.trim())
      try {
        await link({ flavour: 'elf', args: ['--version'] })
      } catch ({ code, message }) {
        console.log(code, message)
      }`
    writeFileSync(join(cwd, 'program.mjs'), program)
    const { stdout } = run(process.execPath, ['program.mjs'], { cwd })
    assert.match(stdout, /^1 .*broken\.o.*\nDTLTO_CANNOT_LINK_AGAIN lld cannot run again in this process/)
  }))
