/** BuildGrid with two workers, PostgreSQL, and certificates on all sides: an engine with a scheduler and a queue. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import {
  BuildGrid,
  PROPERTY,
  whyNoBuildGrid,
} from '../../packages/distributor-reapi/src/testing/buildgrid/buildgrid.js'
import { until } from '../../packages/distributor-reapi/src/testing/until.js'
import { DistccLink, type TimedRun } from './distcc-link.js'
import { readTotals, type Totals } from './reapi-totals.js'

const MODULES = 8

describe('a whole link over BuildGrid', { skip: (await whyNoBuildGrid()) ?? false }, () => {
  let program: DistccLink
  let grid: BuildGrid
  before(async () => {
    program = new DistccLink(MODULES - 1, 4)
    grid = await BuildGrid.start()
  })
  after(async () => {
    await grid.stop()
    program.remove()
  })

  const link = (more = '', options = grid.options): Promise<TimedRun> => {
    const own = [`--distribute=reapi,${options}${more}`, '--distribute-fallback=none', '--distribute-trace=trace.json']
    return program.start(own)
  }
  const totals = (): Totals => readTotals(join(program.directory, 'trace.json'))
  const assertIdentical = ({ exitCode, stdout, stderr }: TimedRun): void => {
    assert.deepEqual({ exitCode, stdout, stderr }, { exitCode: 0, stdout: '', stderr: '' }, grid.log)
    assert.ok(program.isIdentical(), 'out differs from stock')
  }
  const assertAllCached = (): void => {
    const { executed, cached, sentBlobs } = totals()
    // The action that asks for a version is sent, and its command.
    assert.ok(executed === 0 && cached >= MODULES && sentBlobs <= 2, JSON.stringify(totals()))
  }

  for (const toolchain of ['ship', 'image'] as const) {
    test(`has the bytes of stock lld with toolchain=${toolchain}, and finds everything in the action cache the second time`, async () => {
      assertIdentical(await link(`,toolchain=${toolchain}`))
      assert.ok(totals().executed >= MODULES, JSON.stringify(totals()))
      assertIdentical(await link(`,toolchain=${toolchain}`))
      assertAllCached()
    })
  }

  test('names the worker, and says how long jobs have waited', async () => {
    assertIdentical(await link(',remote_accept_cached=false'))
    const trace = readFileSync(join(program.directory, 'trace.json'), 'utf8')
    assert.match(trace, /worker-[12]/)
    assert.match(trace, /"queuedMs"/)
  })

  test('waits for the operations of a scheduler that is killed and started again', async () => {
    const ended = link(',remote_accept_cached=false')
    await until(() => grid.isExecuting, 'a job is executed', 60_000)
    await grid.restartServer()
    // On a busy machine it takes longer to start than a call is patient.
    assertIdentical({ ...(await ended), stderr: '' })
  })

  test('goes on when a worker is killed', async () => {
    const ended = link(',remote_accept_cached=false')
    await until(() => grid.isExecuting, 'a job is executed', 60_000)
    await grid.killWorker()
    assertIdentical(await ended)
  })

  test('keeps what the linking machine has compiled, as a cache alone', async () => {
    // Of other names than what workers have made.
    const cache = grid.options
      .replace('remote_executor=', 'remote_cache=')
      .replace(PROPERTY, 'OSFamily=linux+Pool=none')
    const written = await program.start([`--distribute=reapi,${cache},remote_upload_local_results`])
    assertIdentical(written)
    assertIdentical(await link('', cache))
    const { executed, cached } = totals()
    assert.ok(executed === 0 && cached >= MODULES, JSON.stringify(totals()))
  })

  // One with another value would wait in the queue: such a worker may come.
  test('says why when workers do not even know a property that is asked for', async () => {
    // Of a name that nobody has stored a result for.
    const options = grid.options.replace(PROPERTY, 'OSFamily=linux+Cell=none')
    const { exitCode, stderr } = await link('', options)
    assert.notEqual(exitCode, 0)
    assert.match(stderr, /remote_default_exec_properties/)
  })

  test('says why when its client certificate is of an authority that the engine does not know', async () => {
    const { certificates } = grid
    certificates.authority('stranger')
    const options = grid.options.replaceAll('client.', 'stranger.')
    const { exitCode, stderr } = await link('', options)
    assert.notEqual(exitCode, 0)
    assert.match(stderr, /UNAVAILABLE|certificate/)
  })

  test('says which instance name is refused', async () => {
    const { exitCode, stderr } = await link(
      '',
      grid.options.replace('remote_instance_name=main', 'remote_instance_name=x'),
    )
    assert.notEqual(exitCode, 0)
    assert.match(stderr, /the instance name 'x' is refused/)
  })
})
