import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import vm from 'node:vm'
import { DtltoError } from '../errors.js'
import { checkResult, copyThrown, MAX_TEXT } from './result-shape.js'

const BYTES = Uint8Array.of(1, 2, 3)
const good = (more: object = {}): Record<string, unknown> => ({
  kind: 'object',
  object: BYTES,
  diagnostics: [],
  sideOutputs: [],
  timings: {},
  ...more,
})
const objectOf = (value: unknown): number[] => {
  const result = checkResult(value, 'p')
  assert.equal(result.kind, 'object')
  return result.kind === 'object' ? [...result.object] : []
}
const misbehaved = { code: 'DTLTO_PLUGIN_MISBEHAVED' }
const revoked = (): unknown => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}
const trapped = new Proxy(
  {},
  {
    get: () => {
      throw new Error('a trap')
    },
    has: () => {
      throw new Error('a trap')
    },
    getPrototypeOf: () => {
      throw new Error('a trap')
    },
    ownKeys: () => {
      throw new Error('a trap')
    },
  },
)

describe('a plugin’s result', () => {
  test('is copied: what the plugin changes later does not matter', () => {
    const bytes = Uint8Array.of(1, 2, 3)
    const diagnostics = [{ severity: 'warning', message: 'before' }]
    const value = good({ object: bytes, diagnostics, worker: 'w' })
    const result = checkResult(value, 'p')
    bytes.fill(9)
    Object.assign(diagnostics[0] ?? {}, { message: 'after' })
    Object.assign(value, { kind: 'cannot' })
    assert.deepEqual(result, {
      kind: 'object',
      object: Uint8Array.of(1, 2, 3),
      diagnostics: [{ severity: 'warning', message: 'before' }],
      sideOutputs: [],
      timings: {},
      worker: 'w',
    })
    assert.ok(Object.isFrozen(result))
  })

  test('is read once, field by field: a getter cannot give one value to the check and another to the link', () => {
    const reads = new Map<PropertyKey, number>()
    const value = new Proxy(good(), {
      get: (target, key) => {
        reads.set(key, (reads.get(key) ?? 0) + 1)
        return reads.get(key) === 1 ? target[String(key)] : 'another'
      },
    })
    assert.deepEqual(objectOf(value), [1, 2, 3])
    assert.ok([...reads.values()].every((count) => count === 1))
  })

  test('may hold its bytes in shared, resizable or pooled memory, of this realm or another', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(3))
    shared.set(BYTES)
    const foreign: unknown = vm.runInNewContext('Uint8Array.of(1, 2, 3)')
    const lying: unknown = Object.defineProperty(Uint8Array.of(1, 2, 3), 'length', { value: 1e9 })
    const strange: unknown = Object.setPrototypeOf(Uint8Array.of(1, 2, 3), null)
    for (const object of [BYTES, Buffer.from(BYTES), shared, foreign, lying, strange])
      assert.deepEqual(objectOf(good({ object })), [1, 2, 3])
  })

  test('is the plugin’s breach of contract when it is anything else, whatever its traps do', () => {
    const detached = Uint8Array.of(1)
    structuredClone(detached.buffer, { transfer: [detached.buffer] })
    const results: unknown[] = [
      undefined,
      null,
      'done',
      7n,
      Symbol('s'),
      revoked(),
      trapped,
      good({ object: new DataView(new ArrayBuffer(3)) }),
      good({ object: Object.create(Uint8Array.prototype) as unknown }),
      good({ object: new Proxy(BYTES, {}) }),
      good({ object: new Uint16Array(3) }),
      good({ object: [1, 2, 3] }),
      good({ object: detached }),
      good({ diagnostics: revoked() }),
      good({ diagnostics: [trapped] }),
      good({ diagnostics: [{ severity: { toString: () => 'error' }, message: 'm' }] }),
      good({ sideOutputs: [{ kind: 'dwo', path: 'p', bytes: 'b' }] }),
      good({ sideOutputs: [{ kind: 'dwo', path: new String('p'), bytes: BYTES }] }),
      good({ timings: trapped, stderr: 7 }),
      good({ timings: 7 }),
      { kind: trapped },
      { kind: 'cannot', reason: trapped },
      { kind: 'does-not-compile', diagnostics: trapped },
      {
        kind: 'object',
        get object() {
          throw new Error('a trap')
        },
      },
    ]
    for (const [i, value] of results.entries())
      assert.throws(() => checkResult(value, 'p'), misbehaved, `result ${String(i)}`)
  })

  test('that says too much is a job to be compiled here, and other texts are cut', () => {
    const message = 'x'.repeat(MAX_TEXT)
    assert.equal(checkResult(good({ diagnostics: [{ severity: 'note', message }], stderr: 'y' }), 'p').kind, 'cannot')
    assert.equal(checkResult(good({ stderr: 'x'.repeat(2 ** 28) }), 'p').kind, 'cannot')
    assert.equal(checkResult(good({ diagnostics: new Array(1e9) }), 'p').kind, 'cannot')
    const reason = checkResult({ kind: 'cannot', reason: 'x'.repeat(2 ** 28) }, 'p')
    assert.ok(reason.kind === 'cannot' && reason.reason.length === 1000)
    const refused = checkResult(
      { kind: 'does-not-compile', diagnostics: Array(100).fill({ severity: 'error', message }) },
      'p',
    )
    assert.ok(refused.kind === 'does-not-compile' && refused.diagnostics.length === 1)
    const { worker } = checkResult({ kind: 'does-not-compile', diagnostics: [], worker: 'w'.repeat(2 ** 20) }, 'p') as {
      worker: string
    }
    assert.equal(worker.length, 200)
  })

  test('keeps of its timings what is a time', () => {
    const timings = { compileMs: -1, queuedMs: NaN, sendMs: 'much', fetchMs: 1e308, receiveMs: 3, more: 7 }
    const result = checkResult(
      { kind: 'object', object: Uint8Array.of(1), diagnostics: [], sideOutputs: [], timings, worker: trapped },
      'p',
    )
    assert.deepEqual(result.kind === 'object' && [result.timings, result.worker], [{ receiveMs: 3 }, undefined])
  })
})

describe('what a plugin throws', () => {
  test('is an error that can be read, and never one that says that dtlto is broken', () => {
    for (const thrown of [undefined, 7, 'text', trapped, revoked(), new Error('why'), { message: trapped }])
      assert.ok(copyThrown(thrown) instanceof Error)
    assert.equal(copyThrown(new Error('why')).message, 'why')
    const fatal = copyThrown(new DtltoError('DTLTO_NATIVE_UNAVAILABLE', 'no'))
    assert.ok(DtltoError.is(fatal) && fatal.code === 'DTLTO_DISTRIBUTOR_FAILED')
    const strange = copyThrown(
      Object.assign(new DtltoError('DTLTO_CANCELLED', ''), { code: trapped, message: trapped }),
    )
    assert.ok(DtltoError.is(strange) && strange.code === 'DTLTO_DISTRIBUTOR_FAILED')
  })
})
