import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { describe, it } from 'node:test'
import { abortedWith, onAbort, orAborted, whileNone } from './aborts.js'

const never = new Promise<never>(() => undefined)
const cancelled = { code: 'DTLTO_CANCELLED' }

describe('onAbort', () => {
  it('calls once, everybody who waits, with one listener a signal', () => {
    const controller = new AbortController()
    const called: string[] = []
    const forget = onAbort(controller.signal, () => called.push('forgotten'))
    onAbort(controller.signal, () => called.push('first'))
    onAbort(controller.signal, () => called.push('second'))
    assert.equal(getEventListeners(controller.signal, 'abort').length, 1)
    forget()
    forget()
    controller.abort()
    controller.abort()
    assert.deepEqual(called, ['first', 'second'])
  })

  it('leaves no listener behind when nobody waits', async () => {
    const { signal } = new AbortController()
    const ends = [onAbort(signal, () => undefined), abortedWith(signal).end]
    await orAborted(Promise.resolve(), signal)
    for (const end of ends) {
      assert.equal(getEventListeners(signal, 'abort').length, 1)
      end()
    }
    assert.equal(getEventListeners(signal, 'abort').length, 0)
    onAbort(signal, () => undefined)
    assert.equal(getEventListeners(signal, 'abort').length, 1, 'and again')
  })

  it('calls at once where it is too late to wait', () => {
    let calls = 0
    onAbort(AbortSignal.abort(), () => calls++)
    assert.equal(calls, 1)
  })
})

describe('orAborted', () => {
  it('gives what the work gives, and its error', async () => {
    const { signal } = new AbortController()
    assert.equal(await orAborted(Promise.resolve(1), signal), 1)
    await assert.rejects(orAborted(Promise.reject(new Error('no')), signal), { message: 'no' })
  })

  it('rejects when the signal is aborted, before or meanwhile', async () => {
    await assert.rejects(orAborted(never, AbortSignal.abort()), cancelled)
    const controller = new AbortController()
    const waits = orAborted(never, controller.signal)
    controller.abort()
    await assert.rejects(waits, cancelled)
  })
})

describe('a signal for several', () => {
  it('is aborted with any of them, and for its reason', () => {
    for (const which of [0, 1]) {
      const controllers = [new AbortController(), new AbortController()]
      const { signal } = abortedWith(...controllers.map((each) => each.signal))
      assert.equal(signal.aborted, false)
      controllers[which]?.abort(which)
      assert.deepEqual([signal.aborted, signal.reason], [true, which])
    }
    assert.equal(abortedWith(new AbortController().signal, AbortSignal.abort()).signal.aborted, true)
  })

  it('is of no use when the work is done', async () => {
    const controller = new AbortController()
    const signal = await whileNone([controller.signal], (either) => Promise.resolve(either))
    controller.abort()
    assert.equal(signal.aborted, false)
    await assert.rejects(
      whileNone([controller.signal], (either) => orAborted(never, either)),
      cancelled,
    )
  })
})
