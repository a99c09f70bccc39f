/**
 * A distributor that misbehaves as its option `fault` says. Jobs that no fault hits are compiled by processes of dtlto-codegen. Plain JavaScript, as
 * a plugin of somebody who never saw the contract's types.
 */
import { readFileSync } from 'node:fs'
import { runInNewContext } from 'node:vm'
import { defineDistributor, DtltoError } from 'dtlto/plugin'
import { codegen } from '../plugins/codegen.js'

/** @typedef {import('dtlto/plugin').BackendJob} BackendJob */
/** @typedef {import('dtlto/plugin').Attempt} Attempt */
/** @typedef {(job: BackendJob, attempt: Pick<Attempt, 'signal'>) => Promise<import('dtlto/plugin').CompileResult>} Compile */

const never = () => new Promise(() => undefined)
const object = (/** @type {unknown} */ bytes) => ({
  kind: 'object',
  object: bytes,
  diagnostics: [],
  sideOutputs: [],
  timings: {},
})

let calls = 0
/** Jobs before the fault, where there are such. */
let before = 0
/** A whole object of something else: what becomes of it is up to the fault. */
const anObject = () => readFileSync(process.env['FAULTS_OBJECT'] ?? '')
const lost = () => Promise.reject(new DtltoError('DTLTO_DISTRIBUTOR_FAILED', 'the machine is gone'))

/** The right object, and with it something that is not right. */
const rightBut =
  (/** @type {object} */ wrong) =>
  async (/** @type {BackendJob} */ job, /** @type {Attempt} */ attempt, /** @type {Compile} */ compile) => ({
    ...(await compile(job, attempt)),
    ...wrong,
  })

/** The right object, as something else than it should be. */
const rightAs =
  (/** @type {(bytes: Buffer) => unknown} */ change) =>
  async (/** @type {BackendJob} */ job, /** @type {Attempt} */ attempt, /** @type {Compile} */ compile) => {
    const right = await compile(job, attempt)
    return right.kind === 'object' ? { ...right, object: change(Buffer.from(right.object)) } : right
  }

const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

/** @type {Readonly<Record<string, (job: BackendJob, attempt: Attempt, compile: Compile) => unknown>>} */
const COMPILE = {
  throws: () => {
    throw new TypeError('a defect of the plugin')
  },
  'throws-nothing': () => {
    // eslint-disable-next-line @typescript-eslint/only-throw-error
    throw undefined
  },
  'rejects-with-error': () => Promise.reject(new Error('a plain error')),
  // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
  'rejects-with-number': () => Promise.reject(7),
  'never-resolves': never,
  'resolves-twice': (job, attempt, compile) => ({
    then: (/** @type {(value: unknown) => void} */ resolve, /** @type {(error: unknown) => void} */ reject) =>
      compile(job, attempt).then((result) => {
        resolve(result)
        resolve('a second answer')
        reject(new Error('and a third'))
      }),
  }),
  'returns-undefined': () => undefined,
  'returns-text': () => 'done',
  'returns-unknown-kind': () => ({ kind: 'perhaps' }),
  'object-without-bytes': () => object(undefined),
  'object-as-array': () => object([1, 2, 3]),
  'object-empty': () => object(new Uint8Array()),
  'object-page': () => object(Buffer.from('<html>502 Bad Gateway</html>')),
  'object-header-alone': () => object(anObject().subarray(0, 64)),
  'object-half': () => object(anObject().subarray(0, anObject().length >> 1)),
  'object-one-byte-short': () => object(anObject().subarray(0, -1)),
  'object-detached': () => {
    const bytes = new Uint8Array(anObject())
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
    return object(bytes)
  },
  'object-trapped': () => ({
    kind: 'object',
    get object() {
      throw new Error('a trap')
    },
  }),
  'result-proxy': () => new Proxy(object(anObject()), { get: (_, key) => (key === 'then' ? undefined : calls++) }),
  'result-revoked': () => ({ then: (/** @type {(value: unknown) => void} */ resolve) => resolve([revoked()][0]) }),
  'object-view': rightAs((bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.length)),
  'object-prototype': () => object(Object.create(Uint8Array.prototype)),
  'object-proxy': rightAs((bytes) => new Proxy(bytes, {})),
  'object-shared': rightAs((bytes) => {
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length))
    shared.set(bytes)
    return shared
  }),
  'object-resizable': rightAs((bytes) => {
    // The compiler's library is older than Node 20.
    const Resizable =
      /** @type {new (size: number, options: object) => ArrayBuffer & { resize(size: number): void }} */ (
        /** @type {unknown} */ (ArrayBuffer)
      )
    const buffer = new Resizable(bytes.length, { maxByteLength: bytes.length })
    new Uint8Array(buffer).set(bytes)
    setImmediate(() => buffer.resize(0))
    return new Uint8Array(buffer)
  }),
  'object-foreign': rightAs((bytes) => runInNewContext('Uint8Array.from(bytes)', { bytes: [...bytes] })),
  'object-lying': rightAs((bytes) => Object.defineProperty(bytes, 'length', { value: 1 })),
  'object-changed-later': rightAs((bytes) => {
    queueMicrotask(() => queueMicrotask(() => queueMicrotask(() => setImmediate(() => bytes.fill(0)))))
    return bytes
  }),
  'diagnostics-revoked': rightBut({ diagnostics: revoked() }),
  'diagnostics-endless': rightBut({ diagnostics: new Array(1e9) }),
  'words-without-end': rightBut({ stderr: 'x'.repeat(1e8) }),
  // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
  'rejects-with-proxy': () => Promise.reject(revoked()),
  'rejects-with-traps': () =>
    Promise.reject(
      Object.defineProperty(new Error(), 'message', {
        get: () => {
          throw new Error('a trap')
        },
      }),
    ),
  exits: () => process.exit(0),
  'really-exits': () =>
    /** @type {{ reallyExit: (code: number) => never }} */ (/** @type {unknown} */ (process)).reallyExit(0),
  aborts: () => process.abort(),
  'kills-itself': () => process.kill(process.pid, 'SIGKILL'),
  'claims-here': () => ({ kind: 'here', timings: {} }),
  'timings-lie': rightBut({
    timings: { compileMs: -Infinity, queuedMs: NaN, sendMs: 'much' },
    worker: { toString: 'no text' },
  }),
  refuses: () => ({ kind: 'does-not-compile', diagnostics: [{ severity: 'error', message: 'no taste for it' }] }),
  'refuses-with-garbage': () => ({ kind: 'does-not-compile', diagnostics: [7, null] }),
  'diagnostics-garbage': rightBut({ diagnostics: [7, null, { severity: 'loud', message: {} }] }),
  'stderr-garbage': rightBut({ stderr: 7 }),
  'side-outputs-garbage': rightBut({ sideOutputs: [null, 7, { path: 3 }] }),
  'side-outputs-missing': rightBut({ sideOutputs: [] }),
  'side-output-nowhere': rightBut({
    sideOutputs: [{ kind: 'dwo', path: '/dev/null/a.dwo', bytes: new Uint8Array(1) }],
  }),
  'side-output-unasked': rightBut({ sideOutputs: [{ kind: 'dwo', path: 'unasked/a.dwo', bytes: new Uint8Array(1) }] }),
  cannot: () => ({ kind: 'cannot', reason: 'not today' }),
  'cannot-at-this-endpoint': () => ({ kind: 'cannot', reason: 'not on this machine', onlyThisEndpoint: true }),
  'fails-every-third': (job, attempt, compile) => (calls++ % 3 === 2 ? lost() : compile(job, attempt)),
  'dies-in-mid-link': (job, attempt, compile) => (calls++ >= before ? lost() : compile(job, attempt)),
  'vanishes-in-mid-link': (job, attempt, compile) => (calls++ >= before ? never() : compile(job, attempt)),
  'ignores-abort': (job, _, compile) =>
    calls++ % 2 === 0 ? never() : compile(job, { signal: new AbortController().signal }),
  'says-misconfigured': () => Promise.reject(new DtltoError('DTLTO_PLUGIN_OPTION_INVALID', 'no such host')),
  'says-cancelled': () => Promise.reject(new DtltoError('DTLTO_CANCELLED', 'somebody else wanted that')),
  'says-refused': () => Promise.reject(new DtltoError('DTLTO_ENDPOINT_REFUSED', 'not for this link')),
  'compiles-twice': async (job, attempt, compile) => {
    const [result] = await Promise.allSettled([compile(job, attempt), compile(job, attempt)])
    return result.status === 'fulfilled' ? result.value : lost()
  },
  'writes-into-the-job': async (job, attempt, compile) => {
    Object.defineProperty(job, 'index', { value: 0 })
    Object.defineProperty(job, 'cost', { value: NaN })
    return await compile(job, attempt)
  },
  'begins-again-and-again': async (job, attempt, compile) => {
    const timer = setInterval(() => attempt.started(), 5)
    setTimeout(() => clearInterval(timer), 200)
    return await compile(job, attempt)
  },
  'throws-from-a-timer': (job, attempt, compile) => {
    setTimeout(() => {
      throw new Error('nobody can catch this')
    })
    return compile(job, attempt)
  },
  'leaves-a-rejection': (job, attempt, compile) => {
    void Promise.reject(new Error('nobody handles this'))
    return compile(job, attempt)
  },
  'leaks-listeners': (job, attempt, compile) => {
    attempt.signal.addEventListener('abort', () => undefined)
    for (let i = 0; i < 20; i++) process.on('exit', () => undefined)
    setInterval(() => undefined, 1e6)
    return compile(job, attempt)
  },
}

const endpoint = (/** @type {object} */ facts) => [{ id: 'misbehaving', slots: 4, accepting: true, ...facts }]

/** @type {Readonly<Record<string, () => unknown>>} */
const ENDPOINTS = {
  'slots-nan': () => endpoint({ slots: NaN }),
  'slots-negative': () => endpoint({ slots: -3 }),
  'slots-infinite': () => endpoint({ slots: Infinity }),
  'slots-text': () => endpoint({ slots: '8' }),
  'slots-change': () => endpoint({ slots: calls++ % 5, busyElsewhere: calls % 3, accepting: calls % 7 !== 0 }),
  'busy-lies': () => endpoint({ slots: 2, busyElsewhere: 1e9, speed: NaN, latencyMs: -5 }),
  'speed-lies': () => endpoint({ slots: 2, speed: Infinity, latencyMs: -Infinity }),
  'limits-lie': () => endpoint({ queueLimitMs: NaN, deadlineMs: -1, hasQueue: 'yes', text: {} }),
  'status-nothing': () => undefined,
  'status-trapped': () => [
    {
      id: 'misbehaving',
      get slots() {
        throw new Error('a trap')
      },
    },
  ],
  'status-throws': () => {
    throw new Error('no status today')
  },
  'status-nameless': () => endpoint({ id: '' }),
  'status-no-object': () => [null],
  'endpoints-none': () => [],
  'endpoints-alike': () => [...endpoint({}), ...endpoint({ slots: 1 })],
  'endpoints-come-and-go': () => endpoint({ id: `m${String(calls++)}` }),
  'never-accepts': () => endpoint({ accepting: false }),
  'queue-never-moves': () => endpoint({ hasQueue: true, queueLimitMs: 200 }),
}

/** @type {Readonly<Record<string, () => unknown>>} */
const PROBE = {
  'probe-throws': () => {
    throw new Error('a blunt probe')
  },
  'probe-rejects': lost,
  'probe-refuses': () => Promise.reject(new DtltoError('DTLTO_ENDPOINT_REFUSED', 'another LLVM is there')),
  'probe-hangs': never,
}

/**
 * What it says, at each job.
 * @type {Readonly<Record<string, (context: { warn(kind: unknown, message: unknown): void, debug(message: unknown): void }) => void>>}
 */
const SAY = {
  'warns-much'(context) {
    for (let i = 0; i < 1000; i++) context.warn('much', `warning ${i}`)
  },
  'warns-in-kinds'(context) {
    for (let i = 0; i < 1000; i++) context.warn(`kind ${i}`, `warning ${i} ${'and on '.repeat(100_000)}`)
  },
  'warns-of-anything'(context) {
    context.warn('error', new Error('as an error'))
    context.warn(Symbol('kind'), 5n)
    context.debug(5n)
    context.debug(Object.create(null))
    context.debug(revoked())
  },
}

/** @type {Readonly<Record<string, () => unknown>>} */
const OPEN = {
  'open-throws': () => {
    throw new Error('no key fits')
  },
  'open-rejects': () => Promise.reject(new DtltoError('DTLTO_DISTRIBUTOR_UNAVAILABLE', 'no route to host')),
  'open-never-resolves': never,
  'open-gives-nothing': () => undefined,
  'open-gives-half': () => ({ endpoints: () => [], compile: never }),
}

/** @type {Readonly<Record<string, () => unknown>>} */
const END = {
  'close-hangs': never,
  'close-throws': () => {
    throw new Error('the door is stuck')
  },
  'close-rejects': () => Promise.reject(new Error('the door is stuck')),
}

export default defineDistributor({
  name: 'misbehaving',
  apiVersion: '2.0.0',
  options: {
    fault: {
      type: 'string',
      choices: [COMPILE, ENDPOINTS, PROBE, SAY, OPEN, END]
        .flatMap(Object.keys)
        .concat('prepare-rejects', 'prepare-hangs'),
      description: 'what goes wrong',
    },
    before: { type: 'integer', default: 4, description: 'jobs before something happens in mid-link' },
  },
  // @ts-expect-error Faults are not what the contract says.
  open(context, { fault = '', before: jobs }) {
    before = jobs
    if (fault in OPEN) return OPEN[fault]?.()
    const good = codegen(context)
    return {
      endpoints: ENDPOINTS[fault] ?? (() => endpoint({})),
      ...(fault === 'prepare-rejects' && { prepare: lost }),
      ...(fault === 'prepare-hangs' && { prepare: never }),
      ...(fault in PROBE && { probe: PROBE[fault] }),
      compile(/** @type {BackendJob} */ job, /** @type {unknown} */ _endpoint, /** @type {Attempt} */ attempt) {
        SAY[fault]?.(context)
        if (fault === 'queue-never-moves') return never()
        const act = COMPILE[fault]
        return act ? act(job, attempt, good.compile) : good.compile(job, attempt)
      },
      async close() {
        await good.close()
        return await END[fault]?.()
      },
      destroy: () => good.destroy(),
    }
  },
})
