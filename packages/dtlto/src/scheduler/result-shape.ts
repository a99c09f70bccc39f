/**
 * What a plugin hands over, as a plain copy. A plugin's value may be a proxy, may have getters that change or throw, may be changed later,
 * and may be of any size; so every field is read once, bounded and copied, and everything after works on the copy alone. Whether the content is
 * right is `accept`'s business.
 */
import { DtltoError, ERROR_CODES, type ErrorCode } from '../errors.js'
import type { CompileResult, CompileTimings, Diagnostic, SideOutput } from '../distributors/interface.js'
import { describe } from '../message-of.js'

/** What a compiler may have said with one object, in UTF-16 units. Whoever says more is heard in this process, as lld's own words. */
export const MAX_TEXT = 64 * 1024
const MAX_ITEMS = 10_000
/** No link takes longer: a week. */
const LONGEST_MS = 7 * 24 * 3_600_000
const MAX_NAME = 200
const TOO_MUCH = `its compiler said more than ${String(MAX_TEXT / 1024)} KiB`
const MAX_REASON = 1_000
const MAX_PATH = 64 * 1024

/** A frozen copy of the result; throws DTLTO_PLUGIN_MISBEHAVED if it is none. */
export function checkResult(value: unknown, distributor: string): CompileResult {
  const plugin = new ForeignReader(distributor)
  if (!isRecord(value)) throw plugin.misbehaved('a result', value)
  const kind = plugin.read(value, 'kind')
  switch (kind) {
    case 'object': {
      const object = plugin.bytes(plugin.read(value, 'object'), '"object"')
      const list = plugin.list(value, 'diagnostics')
      if (list.length > MAX_ITEMS) return cannot(TOO_MUCH)
      const diagnostics = list.map((item) => plugin.diagnostic(item) ?? plugin.wrongItem('diagnostics', item))
      const sideOutputs = plugin.list(value, 'sideOutputs').map((item) => plugin.sideOutput(item))
      const stderr = plugin.read(value, 'stderr')
      if (stderr !== undefined && typeof stderr !== 'string') throw plugin.misbehaved('a string for "stderr"', stderr)
      const timings = plugin.timings(value)
      const said = diagnostics.reduce((sum, { message }) => sum + message.length, stderr?.length ?? 0)
      if (said > MAX_TEXT) return cannot(TOO_MUCH)
      return Object.freeze({
        kind,
        object,
        diagnostics: Object.freeze(diagnostics),
        ...(stderr !== undefined && { stderr }),
        sideOutputs: Object.freeze(sideOutputs),
        timings,
        ...plugin.worker(value),
      })
    }
    case 'does-not-compile': {
      // That the job failed is what counts: what cannot be shown is left out.
      const diagnostics = plugin.list(value, 'diagnostics').flatMap((item) => plugin.diagnostic(item) ?? [])
      return Object.freeze({ kind, diagnostics: Object.freeze(shorten(diagnostics)), ...plugin.worker(value) })
    }
    case 'cannot': {
      const reason = plugin.read(value, 'reason')
      if (typeof reason !== 'string') throw plugin.misbehaved('a string for "reason"', reason)
      const onlyThisEndpoint = plugin.read(value, 'onlyThisEndpoint') === true
      return cannot(reason.slice(0, MAX_REASON), onlyThisEndpoint, plugin.read(value, 'isMiss') === true)
    }
    default:
      throw plugin.misbehaved(`'object', 'does-not-compile' or 'cannot' for "kind"`, kind)
  }
}

/**
 * What a plugin threw, as an error that is safe to look at. That dtlto itself cannot work is not for a plugin to say: from there it is trouble
 * like any other.
 */
export function copyThrown(thrown: unknown): Error {
  try {
    if (DtltoError.is(thrown)) {
      const { code, message, details } = thrown as { code: unknown; message: unknown; details: unknown }
      const known = typeof code === 'string' && Object.hasOwn(ERROR_CODES, code) && !OURS.has(code as ErrorCode)
      return new DtltoError(known ? (code as ErrorCode) : 'DTLTO_DISTRIBUTOR_FAILED', text(message), {
        cause: thrown,
        ...(isRecord(details) && { details }),
      })
    }
    if (thrown instanceof Error) return new Error(text(thrown.message), { cause: thrown })
  } catch {
    // A proxy or a getter that throws: nothing can be known of it.
  }
  return new Error(describe(thrown))
}

const OURS: ReadonlySet<ErrorCode> = new Set([
  'DTLTO_NATIVE_UNAVAILABLE',
  'DTLTO_NATIVE_MISMATCH',
  'DTLTO_FLAVOUR_UNKNOWN',
  'DTLTO_LINK_RUNNING',
])

/** How long compiling alone took, if the distributor says so and it is possible. */
export function statedCompileMs(timings: CompileTimings, elapsedMs: number): number | undefined {
  const ms = timings.compileMs
  return typeof ms === 'number' && ms >= 0 && ms <= elapsedMs ? ms : undefined
}

// The getter of typed arrays themselves sees through wrong prototypes and own properties, works for arrays of other realms, and runs no code
// of the plugin.
const TYPED_ARRAY = Object.getPrototypeOf(Uint8Array.prototype) as object
const nameOf = Object.getOwnPropertyDescriptor(TYPED_ARRAY, Symbol.toStringTag) as { readonly get: () => unknown }
const isUint8Array = (value: unknown): boolean => Reflect.apply(nameOf.get, value, []) === 'Uint8Array'

class ForeignReader {
  readonly #distributor: string

  constructor(distributor: string) {
    this.#distributor = distributor
  }

  read(record: Record<PropertyKey, unknown>, key: PropertyKey): unknown {
    try {
      return record[key]
    } catch {
      throw this.misbehaved(`to be able to read ${JSON.stringify(String(key))}`, undefined)
    }
  }

  /** A copy in memory of its own: the plugin may change its bytes while they are checked, or share them with a thread. */
  bytes(value: unknown, what: string): Uint8Array {
    if (!isUint8Array(value)) throw this.misbehaved(`a Uint8Array for ${what}`, value)
    try {
      return new Uint8Array(value as Uint8Array)
    } catch {
      throw this.misbehaved(`bytes for ${what}`, 'a detached array, or one that is too large')
    }
  }

  list(record: Record<PropertyKey, unknown>, key: 'diagnostics' | 'sideOutputs'): unknown[] {
    const list = this.read(record, key)
    if (!isArray(list)) throw this.misbehaved(`an array for "${key}"`, list)
    const length = this.read(list, 'length')
    if (typeof length !== 'number') throw this.misbehaved(`an array for "${key}"`, list)
    return Array.from({ length: Math.min(length, MAX_ITEMS + 1) }, (_, i) => this.read(list, i))
  }

  diagnostic(item: unknown): Diagnostic | undefined {
    if (!isRecord(item)) return undefined
    const severity = this.read(item, 'severity')
    const message = this.read(item, 'message')
    if (severity !== 'error' && severity !== 'warning' && severity !== 'remark' && severity !== 'note') return undefined
    return typeof message === 'string' ? Object.freeze({ severity, message }) : undefined
  }

  sideOutput(item: unknown): SideOutput {
    if (!isRecord(item)) return this.wrongItem('sideOutputs', item)
    const kind = this.read(item, 'kind')
    const path = this.read(item, 'path')
    if (kind !== 'dwo' && kind !== 'remarks') return this.wrongItem('sideOutputs', item)
    if (typeof path !== 'string' || path.length > MAX_PATH) return this.wrongItem('sideOutputs', item)
    return Object.freeze({ kind, path, bytes: this.bytes(this.read(item, 'bytes'), '"bytes" of a side output') })
  }

  timings(record: Record<PropertyKey, unknown>): CompileTimings {
    const timings = this.read(record, 'timings')
    if (!isRecord(timings)) throw this.misbehaved('an object for "timings"', timings)
    const copy: Record<string, number> = {}
    for (const key of ['queuedMs', 'sendMs', 'fetchMs', 'compileMs', 'handOverMs', 'receiveMs']) {
      const ms = this.read(timings, key)
      if (typeof ms === 'number' && ms >= 0 && ms <= LONGEST_MS) copy[key] = ms
    }
    return Object.freeze(copy)
  }

  worker(record: Record<PropertyKey, unknown>): { readonly worker?: string } {
    const worker = this.read(record, 'worker')
    return typeof worker === 'string' ? { worker: worker.slice(0, MAX_NAME) } : {}
  }

  wrongItem(key: string, item: unknown): never {
    throw this.misbehaved(`an item of "${key}" as the interface describes it`, item)
  }

  misbehaved(expected: string, received: unknown): DtltoError {
    const text = `distributor '${this.#distributor}' broke its contract: expected ${expected} from compile() but received ${describe(received)}`
    return new DtltoError('DTLTO_PLUGIN_MISBEHAVED', text, { details: { distributor: this.#distributor } })
  }
}

function cannot(reason: string, onlyThisEndpoint = false, isMiss = false): CompileResult {
  return Object.freeze({
    kind: 'cannot',
    reason,
    ...(onlyThisEndpoint && { onlyThisEndpoint }),
    ...(isMiss && { isMiss }),
  })
}

/** As many as may be shown. */
function shorten(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  let left = MAX_TEXT
  return diagnostics.filter(({ message }) => (left -= message.length) >= 0)
}

function text(message: unknown): string {
  return typeof message === 'string' ? message.slice(0, MAX_TEXT) : describe(message)
}

function isRecord(value: unknown): value is Record<PropertyKey, unknown> {
  return typeof value === 'object' && value !== null
}

/** False for a revoked proxy, for which Array.isArray throws. */
function isArray(value: unknown): value is Record<PropertyKey, unknown> {
  try {
    return Array.isArray(value)
  } catch {
    return false
  }
}
