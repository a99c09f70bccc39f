/** Servers that do not work, or cease to in the middle of a link: it must end all the same, with the bytes of stock lld. */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { whyNoDistccd } from '../../packages/distributor-distcc/src/testing/distccd.js'
import { type Fault, FROM_THE_START, healthy, IN_THE_MIDDLE, strikeInTheMiddle, type Victim } from './distcc-faults.js'
import { DistccLink, distributeTo, type TimedRun } from './distcc-link.js'

/** A usual run strikes one of two servers; DTLTO_TEST_FULL=1 also strikes both. */
const FULL = process.env['DTLTO_TEST_FULL'] === '1'
/** A link takes some seconds. No job's own deadline, 60 s at least, may be needed to end one. */
const TIMEOUT_MS = 50_000

describe('a whole link over stock distccd', { skip: whyNoDistccd() }, () => {
  let link: DistccLink
  const servers: Victim[] = []

  before(() => {
    link = new DistccLink(24, 2)
  })
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.stop()))
  })
  after(() => link.remove())

  /** Links with these servers, and lets the fault strike in the middle. */
  const linkWith = async (victims: readonly Victim[], options: readonly string[] = []): Promise<TimedRun> => {
    servers.push(...victims)
    const ended = link.start([distributeTo(victims), ...options])
    await strikeInTheMiddle(victims, ended)
    return ended
  }
  const mustSucceed = ({ exitCode, stdout, stderr }: TimedRun): void => {
    assert.equal(exitCode, 0, stderr)
    assert.equal(stdout, '')
    assert.ok(link.isIdentical(), 'out differs from stock')
  }

  for (const fault of [...FROM_THE_START, ...IN_THE_MIDDLE]) {
    test(`has the bytes of stock lld though one of its servers ${fault.name}`, {
      skip: fault.whyNot?.(),
      timeout: TIMEOUT_MS,
    }, async () => {
      const [victim, other] = await Promise.all([fault.start(), healthy()])
      const ran = await linkWith([victim, other])
      mustSucceed(ran)
      checkWarnings(ran.stderr, fault, [victim])
    })
  }

  const absent = FROM_THE_START.filter(({ name }) => name === 'does not run')
  for (const fault of FULL ? [...absent, ...IN_THE_MIDDLE] : absent) {
    test(`has the bytes of stock lld though each of its servers ${fault.name}`, {
      skip: fault.whyNot?.(),
      timeout: TIMEOUT_MS,
    }, async () => {
      const victims = await Promise.all([fault.start(), fault.start()])
      const ran = await linkWith(victims)
      mustSucceed(ran)
      checkWarnings(ran.stderr, fault, victims)
    })
  }

  test('goes on with servers that are killed and started again, though nothing else compiles', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const fault = IN_THE_MIDDLE.find(({ name }) => name === 'is killed and started again') as Fault
    const victims = await Promise.all([fault.start(), fault.start()])
    mustSucceed(await linkWith(victims, ['--distribute-fallback=none']))
  })
})

/** Every line is about a server that has the fault; a server is told of once for each reason. When none was ever up one line tells of all, with the words of one. */
function checkWarnings(stderr: string, fault: Fault, victims: readonly Victim[]): void {
  const lines = stderr.split('\n').filter((line) => line !== '')
  const about = new Map(victims.map(({ address }) => [address, [] as string[]]))
  for (const line of lines) {
    assert.match(line, /^ld\.dtlto: warning: distcc: /, stderr)
    const [, address = '', text = ''] = /distcc server '([^']+)': (.*)$/.exec(line) ?? []
    about.get(address)?.push(text)
  }
  const [, down] = /: 0 of (\d+) servers up; compiling here: /.exec(stderr) ?? []
  if (down !== undefined) assert.equal(Number(down), victims.length, stderr)
  for (const [address, texts] of about) {
    if (texts.length === 0 && down !== undefined) continue
    if (texts.length > 0 || !fault.mayBeSilent) assert.match(texts[0] ?? '', fault.warning, `${address}\n${stderr}`)
    assert.deepEqual(texts, [...new Set(texts)], stderr)
    assert.ok(texts.length <= 3, stderr)
  }
  assert.ok([...about.values()].some(({ length }) => length > 0) || fault.mayBeSilent, stderr)
  // Beside these, one line for the first job that was lost, and one when no server is left.
  const others = lines.length - [...about.values()].reduce((sum, texts) => sum + texts.length, 0)
  assert.ok(others <= 2, stderr)
}
