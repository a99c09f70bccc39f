/**
 * The distributor of the mode `faulty`: of eight jobs one is lost, one comes back empty, one truncated, one is nobody's kind of answer,
 * one is refused, one cannot be expressed, and two are compiled as they should be, late. Which is which follows from the job alone.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { defineDistributor, DtltoError } from 'dtlto/plugin'
import { codegen } from '../plugins/codegen.js'

const object = (/** @type {Uint8Array} */ bytes) =>
  /** @type {const} */ ({ kind: 'object', object: bytes, diagnostics: [], sideOutputs: [], timings: {} })

export default defineDistributor({
  name: 'faulty',
  apiVersion: '2.0.0',
  options: {},
  open(context) {
    const good = codegen(context, 2)
    return {
      endpoints: () => [{ id: 'faulty', slots: 2, accepting: true }],
      async compile(job, _endpoint, attempt) {
        switch (job.index % 8) {
          case 0:
            throw new DtltoError('DTLTO_DISTRIBUTOR_FAILED', 'the machine is gone')
          case 1:
            return object(new Uint8Array())
          case 2:
            return object(Uint8Array.of(0x7f, 0x45))
          case 3:
            return /** @type {never} */ ({ kind: 'perhaps' })
          case 4:
            return { kind: 'does-not-compile', diagnostics: [{ severity: 'error', message: 'no taste for it' }] }
          case 5:
            return { kind: 'cannot', reason: 'not today' }
          default:
            await sleep(10, undefined, { signal: attempt.signal })
            return await good.compile(job, attempt)
        }
      },
      close: () => good.close(),
      destroy: () => good.destroy(),
    }
  },
})
