/** An engine to which something happens in the middle of a link: it must end all the same, soon, with the bytes of stock lld. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { whyNoCasd } from '../../packages/distributor-reapi/src/testing/casd.js'
import { DistccLink } from './distcc-link.js'
import { ENGINE_FAULTS, type EngineFault, strikeEngine } from './engine-faults.js'

/** A link takes some seconds. A call's own deadline, 60 s, may not be needed to end one. */
const TIMEOUT_MS = 50_000

describe('a whole link has the bytes of stock lld though its engine', { skip: (await whyNoCasd()) ?? false }, () => {
  let link: DistccLink
  before(() => {
    link = new DistccLink(24, 2)
  })
  after(() => link.remove())

  for (const fault of ENGINE_FAULTS) {
    test(fault.name, { skip: fault.whyNot?.(), timeout: TIMEOUT_MS }, async () => {
      const victim = await fault.start()
      try {
        const ended = link.start([`--distribute=reapi,${victim.options}`])
        assert.ok(await strikeEngine(victim, ended), 'the link was over before anything was executed')
        const { exitCode, stdout, stderr } = await ended
        assert.deepEqual({ exitCode, stdout }, { exitCode: 0, stdout: '' }, stderr)
        assert.ok(link.isIdentical(), 'out differs from stock')
        assert.ok(victim.wasMet(), `the link has not met it\n${stderr}`)
        checkWarnings(stderr, fault)
      } finally {
        await victim.stop()
      }
    })
  }
})

/** Where the fault strikes before its first object is there. */
const NOTHING_CAME = /nothing that it was sent came back before others had compiled it/

/**
 * One line for each reason, and what they say is true. None is right, too: on a fast machine the linker has made the objects itself before there is
 * anything to warn of. What each trouble is called is held by reapi-faults.test.ts and reapi-tls.test.ts.
 */
function checkWarnings(stderr: string, { warning }: EngineFault): void {
  const lines = stderr.split('\n').filter((line) => line !== '')
  for (const line of lines) assert.match(line, /^ld\.dtlto: warning: reapi: /, stderr)
  const isTooLate = lines.length === 1 && NOTHING_CAME.test(stderr)
  if (!isTooLate && lines.length > 0) assert.match(stderr, warning)
  assert.deepEqual(lines, [...new Set(lines)])
  assert.ok(lines.length <= 3, stderr)
}
