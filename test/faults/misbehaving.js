/**
 * A distributor that misbehaves as its option `fault` says. Jobs that no fault hits are compiled in the linker's process, which the
 * distributor may offer like any other. Plain JavaScript, as a plugin of somebody who never saw the contract's types.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runInNewContext } from 'node:vm'
import { defineDistributor, DtltoError } from 'dtlto/plugin'

/** @typedef {import('dtlto/plugin').BackendJob} BackendJob */

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
const rightBut = (/** @type {object} */ wrong) => async (/** @type {BackendJob} */ job) => {
  const work = await job.forClang()
  if (work.kind === 'cannot') return work
  const cwd = mkdtempSync(join(tmpdir(), 'misbehaving-'))
  try {
    for (const file of work.files) writeFileSync(join(cwd, file.name), file.bytes())
    execFileSync('clang-22', work.args, { cwd, stdio: 'ignore' })
    return { ...object(readFileSync(join(cwd, work.output))), ...wrong }
  } finally {
    rmSync(cwd, { recursive: true })
  }
}

/** The right object, as something else than it should be. */
const rightAs = (/** @type {(bytes: Buffer) => unknown} */ change) => async (/** @type {BackendJob} */ job) => {
  const right = await rightBut({})(job)
  return right.kind === 'object' ? { ...right, object: change(/** @type {Buffer} */ (right.object)) } : right
}

const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

/** @type {Readonly<Record<string, (job: BackendJob, signal: AbortSignal) => unknown>>} */
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
  'resolves-twice': (job, signal) => ({
    then: (/** @type {(value: unknown) => void} */ resolve, /** @type {(error: unknown) => void} */ reject) =>
      job.compileInProcess(signal).then((result) => {
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
  'timings-lie': async (job, signal) => ({
    ...(await job.compileInProcess(signal)),
    timings: { compileMs: -Infinity, queuedMs: NaN, sendMs: 'much' },
    worker: { toString: 'no text' },
  }),
  refuses: () => ({ kind: 'does-not-compile', diagnostics: [{ severity: 'error', message: 'no taste for it' }] }),
  'refuses-with-garbage': () => ({ kind: 'does-not-compile', diagnostics: [7, null] }),
  'diagnostics-garbage': rightBut({ diagnostics: [7, null, { severity: 'loud', message: {} }] }),
  'stderr-garbage': rightBut({ stderr: 7 }),
  'side-outputs-garbage': rightBut({ sideOutputs: [null, 7, { path: 3 }] }),
  'side-output-nowhere': rightBut({
    sideOutputs: [{ kind: 'dwo', path: '/dev/null/a.dwo', bytes: new Uint8Array(1) }],
  }),
  'side-output-unasked': rightBut({ sideOutputs: [{ kind: 'dwo', path: 'unasked/a.dwo', bytes: new Uint8Array(1) }] }),
  cannot: () => ({ kind: 'cannot', reason: 'not today' }),
  'fails-every-third': (job, signal) => (calls++ % 3 === 2 ? lost() : job.compileInProcess(signal)),
  'dies-in-mid-link': (job, signal) => (calls++ >= before ? lost() : job.compileInProcess(signal)),
  'vanishes-in-mid-link': (job, signal) => (calls++ >= before ? never() : job.compileInProcess(signal)),
  'ignores-abort': (job) => (calls++ % 2 === 0 ? never() : job.compileInProcess()),
  'says-misconfigured': () => Promise.reject(new DtltoError('DTLTO_PLUGIN_OPTION_INVALID', 'no such host')),
  'says-cancelled': () => Promise.reject(new DtltoError('DTLTO_CANCELLED', 'somebody else wanted that')),
  'compiles-twice': async (job, signal) => {
    const [result] = await Promise.allSettled([job.compileInProcess(signal), job.compileInProcess(signal)])
    return result.status === 'fulfilled' ? result.value : lost()
  },
  'compiles-and-sends': async (job, signal) => {
    await job.compileInProcess(signal)
    return object(anObject())
  },
  'writes-into-the-job': async (job, signal) => {
    Object.defineProperty(job, 'index', { value: 0 })
    Object.defineProperty(job, 'cost', { value: NaN })
    return await job.compileInProcess(signal)
  },
  'throws-from-a-timer': (job, signal) => {
    setTimeout(() => {
      throw new Error('nobody can catch this')
    })
    return job.compileInProcess(signal)
  },
  'leaves-a-rejection': (job, signal) => {
    void Promise.reject(new Error('nobody handles this'))
    return job.compileInProcess(signal)
  },
  'leaks-listeners': (job, signal) => {
    signal.addEventListener('abort', () => undefined)
    for (let i = 0; i < 20; i++) process.on('exit', () => undefined)
    setInterval(() => undefined, 1e6)
    return job.compileInProcess(signal)
  },
}

/** @type {Readonly<Record<string, () => unknown>>} */
const STATUS = {
  'slots-nan': () => ({ slots: NaN, busy: 0, queued: 0, accepting: true }),
  'slots-negative': () => ({ slots: -3, busy: 0, queued: 0, accepting: true }),
  'slots-infinite': () => ({ slots: Infinity, busy: 0, queued: 0, accepting: true }),
  'slots-text': () => ({ slots: '8', busy: 0, queued: 0, accepting: true }),
  'slots-change': () => ({ slots: calls++ % 5, busy: calls % 3, queued: -1, accepting: calls % 7 !== 0 }),
  'busy-lies': () => ({ slots: 2, busy: 1e9, queued: NaN, accepting: true, speed: NaN, latencyMs: -5 }),
  'speed-lies': () => ({ slots: 2, busy: 0, queued: 0, accepting: true, speed: Infinity, latencyMs: -Infinity }),
  'status-nothing': () => undefined,
  'status-trapped': () => ({
    get slots() {
      throw new Error('a trap')
    },
  }),
  'status-throws': () => {
    throw new Error('no status today')
  },
  'never-accepts': () => ({ slots: 4, busy: 0, queued: 0, accepting: false }),
}

/** @type {Readonly<Record<string, () => unknown>>} */
const OPEN = {
  'open-throws': () => {
    throw new Error('no key fits')
  },
  'open-rejects': () => Promise.reject(new DtltoError('DTLTO_DISTRIBUTOR_UNAVAILABLE', 'no route to host')),
  'open-never-resolves': never,
  'open-gives-nothing': () => undefined,
  'open-gives-half': () => ({ status: () => ({}), compile: never }),
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
  apiVersion: '1.0.0',
  options: {
    fault: {
      type: 'string',
      choices: [COMPILE, STATUS, OPEN, END]
        .flatMap(Object.keys)
        .concat('prepare-rejects', 'prepare-hangs', 'warns-much'),
      description: 'what goes wrong',
    },
    before: { type: 'integer', default: 4, description: 'jobs before something happens in mid-link' },
  },
  // @ts-expect-error Faults are not what the contract says.
  open(context, { fault = '', before: jobs }) {
    before = jobs
    if (fault in OPEN) return OPEN[fault]?.()
    return {
      status: STATUS[fault] ?? (() => ({ slots: 4, busy: 0, queued: 0, accepting: true })),
      ...(fault === 'prepare-rejects' && { prepare: lost }),
      ...(fault === 'prepare-hangs' && { prepare: never }),
      compile(/** @type {BackendJob} */ job, /** @type {AbortSignal} */ signal) {
        if (fault === 'warns-much') for (let i = 0; i < 1000; i++) context.warn('much', `warning ${i}`)
        const act = COMPILE[fault]
        return act ? act(job, signal) : job.compileInProcess(signal)
      },
      close: END[fault] ?? (() => Promise.resolve()),
      destroy: () => undefined,
    }
  },
})
