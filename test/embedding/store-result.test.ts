/** A distributor that keeps results is given them, in a program that embeds a link too, where lld's memory ends with the link. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { link, type LinkEvent } from '../../packages/dtlto/src/index.js'
import { defineDistributor, type FinishedJob } from '../../packages/dtlto/src/plugin.js'
import { compile, inTemporaryDirectory, must, SMALL_PROGRAM, STOCK } from '../link/toolchain.js'

/** Compiles nothing, and keeps what others compile as `keep` does it. */
const keeper = (keep: (finished: FinishedJob, signal: AbortSignal) => Promise<void>, wants = true) =>
  defineDistributor({
    name: 'keeper',
    apiVersion: '2.1.0',
    options: {},
    storesResults: () => wants,
    open: () => ({
      endpoints: () => [{ id: 'keeper', slots: 8, accepting: true }],
      compile: () => Promise.resolve({ kind: 'cannot' as const, isMiss: true, reason: 'it is a cache' }),
      storeResult: keep,
      close: () => Promise.resolve(),
      destroy: () => undefined,
    }),
  })

const inLink = (
  use: (cwd: string, start: (definition: ReturnType<typeof keeper>) => Promise<readonly string[]>) => Promise<void>,
): Promise<void> =>
  inTemporaryDirectory(async (cwd) => {
    const objects = compile(cwd, SMALL_PROGRAM)
    must(STOCK, ['-shared', '-o', 'stock', ...objects], { cwd })
    must(STOCK, ['-shared', '-o', 'with-objects', '--lto-obj-path=object', ...objects], { cwd })
    const start = async (definition: ReturnType<typeof keeper>): Promise<readonly string[]> => {
      const warnings: string[] = []
      const onEvent = (event: LinkEvent): void => {
        if (event.type === 'warning') warnings.push(event.message)
      }
      const args = ['-shared', '-o', join(cwd, 'out'), ...objects.map((name) => join(cwd, name))]
      const result = await link({ flavour: 'elf', args, distributors: [definition], onEvent })
      assert.deepEqual(result, { exitCode: 0, stdout: '', stderr: '' })
      assert.ok(readFileSync(join(cwd, 'out')).equals(readFileSync(join(cwd, 'stock'))))
      return warnings
    }
    await use(cwd, start)
  })

test('results are the objects that lld has, and outlive the link', () =>
  inLink(async (cwd, start) => {
    const kept: FinishedJob[] = []
    const warnings = await start(
      keeper((finished) => {
        kept.push(finished)
        return Promise.resolve()
      }),
    )
    assert.deepEqual(warnings, [])
    assert.equal(kept.length, 3)
    for (const { job, object, package: packed } of kept) {
      const expected = readFileSync(join(cwd, `object${String(job.task)}`))
      assert.ok(Buffer.compare(object.bytes(), expected) === 0, job.moduleId)
      for (const { content } of packed.blobs) assert.match(await content.digest(), /^[0-9a-f]{64}$/)
    }
  }))

test('whoever fails to keep them is one warning, and is offered no more', () =>
  inLink(async (_cwd, start) => {
    let calls = 0
    const warnings = await start(
      keeper(async () => {
        calls++
        await Promise.resolve()
        throw new Error('the shelf is full')
      }),
    )
    assert.deepEqual(warnings, ['results are not stored: the shelf is full'])
    assert.ok(calls > 0)
  }))

test('whoever never comes to an end is told to stop', () =>
  inLink(async (_cwd, start) => {
    let stopped = 0
    const warnings = await start(
      keeper((_finished, signal) => {
        signal.addEventListener('abort', () => stopped++)
        return new Promise(() => undefined)
      }),
    )
    assert.match(String(warnings), /^3 results have not been stored: that would take longer than a link waits for it$/)
    assert.equal(stopped, 3)
  }))

test('whoever cannot tell whether it wants any is an error that names it', () =>
  inLink(async (_cwd, start) => {
    const storesResults = (): never => {
      throw new Error('who knows')
    }
    await assert.rejects(start({ ...keeper(() => Promise.resolve()), storesResults }), {
      code: 'DTLTO_PLUGIN_MISBEHAVED',
      message: "storesResults() of 'keeper' threw: who knows",
    })
  }))

test('whoever does not want any, for its options, is given none', () =>
  inLink(async (_cwd, start) => {
    assert.deepEqual(await start(keeper(() => Promise.reject(new Error('nobody asked')), false)), [])
  }))
