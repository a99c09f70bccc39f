/** A distributor that never gets ready fails at nothing; the user hears of it all the same. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { costs, link, ofKind, slots, type TestLane, type TestRun } from './test-link.fixture.js'

const never = (): Promise<never> => new Promise(() => undefined)
const LONG = costs(...Array.from({ length: 40 }, () => 1_000))
const local: TestLane = { ...slots(1), isLocal: true, role: 'fallback' }
const messages = (run: TestRun): string[] => ofKind(run, 'warning').map(({ message }) => message)

describe('a distributor that is not ready after some seconds', () => {
  const cases: Readonly<Record<string, { readonly lane: TestLane; readonly says: string }>> = {
    'because it never opens': {
      lane: { ...slots(4), opened: never(), prepare: never, status: (truth) => ({ ...truth, accepting: false }) },
      says: 'it is still opening',
    },
    'because it prepares for ever': { lane: { ...slots(4), prepare: never }, says: 'it is still preparing' },
    'because it accepts nothing': {
      lane: { ...slots(4), status: (truth) => ({ ...truth, accepting: false, text: '0 of 4 servers up' }) },
      says: 'it does not accept any (0 of 4 servers up)',
    },
  }
  for (const [what, { lane, says }] of Object.entries(cases)) {
    it(`is named in one warning, ${what}, and the link goes on with others`, async () => {
      const run = await link(LONG, { farm: lane, local }, { prepareMs: 1e9 })
      assert.deepEqual(messages(run), [`distributor 'farm' has taken no work for 10 s: ${says}`])
      assert.equal(run.fakes['local']?.calls.length, LONG.length)
    })
  }

  it('is named once when it may start without having prepared', async () => {
    const run = await link(LONG, { farm: { ...slots(4), prepare: never }, local })
    assert.deepEqual(messages(run), [`distributor 'farm' has taken no work for 10 s: it is still preparing`])
    assert.ok((run.fakes['farm']?.calls.length ?? 0) > 0)
  })

  it('says why preparing failed, however late', async () => {
    let fail: (error: Error) => void = () => undefined
    const prepare = (): Promise<void> => new Promise((_, reject) => (fail = reject))
    const run = await link(
      LONG,
      { farm: { ...slots(4), prepare }, local },
      {},
      { during: (clock) => void clock.setTimer(15_000, () => fail(new Error('no store'))) },
    )
    assert.match(messages(run)[1] ?? '', /could not prepare: .*no store/)
  })

  it('is named when the link is done before', async () => {
    const run = await link(costs(1_000), { farm: { ...slots(4), prepare: never }, local })
    assert.deepEqual(messages(run), [`distributor 'farm' has not compiled the job: it is still preparing`])
  })

  it('is not named when it has worked, or when it would work', async () => {
    const outages = [{ fromMs: 3_500, toMs: 1e9 }]
    const run = await link(LONG, { farm: { ...slots(1), outages }, local, spare: slots(1) })
    assert.deepEqual(
      run.warnings.filter((warning) => warning.endsWith('slow-start')),
      [],
    )
  })
})

describe('a distributor that cannot be opened', () => {
  it('is not waited for: this machine starts at once', async () => {
    const opened = Promise.reject(new Error('no key fits'))
    const shut: TestLane = { ...slots(4), opened, status: (truth) => ({ ...truth, accepting: false }) }
    const run = await link(LONG, { shut, local })
    assert.equal(run.fakes['local']?.calls[0]?.atMs, 0)
    assert.equal(ofKind(run, 'endpoint-retired').length, 1)
    assert.deepEqual(run.warnings, [], 'whoever opened it has warned')
  })
})
