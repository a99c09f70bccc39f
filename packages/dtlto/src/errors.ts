/**
 * Every error code of dtlto, with what it means. Users match on `code`; docs/errors.md lists the same
 * codes, and a test holds the two together.
 */
export const ERROR_CODES = {
  DTLTO_OPTION_INVALID: 'an option of dtlto, on the command line or in the environment, cannot be used as written',
  DTLTO_CONFIG_INVALID: 'the configuration file cannot be read, or holds something dtlto does not know',
  DTLTO_CONFIG_NOT_ALLOWED: 'a dtlto.toml that was found names code to run, and the user has not allowed that yet',
  DTLTO_NATIVE_UNAVAILABLE: 'the native part (lld and LLVM as an addon) could not be loaded',
  DTLTO_NATIVE_MISMATCH: 'the native part is of another version than the JavaScript that loads it',
  DTLTO_FLAVOUR_UNKNOWN: 'the name the program was started by is not one of its linker names',
  DTLTO_LINK_RUNNING: 'a second link was started in a process while the first was still running',
  DTLTO_CANNOT_LINK_AGAIN: 'an earlier link in this process had a fatal error, after which lld cannot run again in it',
  DTLTO_NO_THREAD: 'the system gives the process no thread for lld',
  DTLTO_PLUGIN_NOT_FOUND: 'no distributor of that name, path or package could be loaded',
  DTLTO_PLUGIN_INVALID: 'a module was found, but what it exports is not a distributor of this plugin API',
  DTLTO_PLUGIN_OPTION_INVALID: 'a distributor was given an option that it does not have or a value it cannot take',
  DTLTO_PLUGIN_MISBEHAVED: 'a distributor broke its contract, for example by returning something that is not a result',
  DTLTO_DISTRIBUTOR_UNAVAILABLE: 'a distribution system could not be reached or refuses work',
  DTLTO_ENDPOINT_REFUSED:
    'an endpoint cannot be used in this link, and trying again would not help: login or token refused, a certificate, another compiler, no room; the message says which',
  DTLTO_DISTRIBUTOR_FAILED: 'a distribution system lost a job for reasons that are not the job’s',
  DTLTO_OBJECT_REJECTED: 'an object that came back is incomplete, empty or of the wrong kind',
  DTLTO_DEADLINE_EXCEEDED: 'a job took longer on a distribution system than its deadline allows',
  DTLTO_NO_DISTRIBUTOR_LEFT: 'no distributor could compile a job, and falling back to this machine is switched off',
  DTLTO_NOT_DISTRIBUTED: 'no distributor has compiled any job, and --distribute-required asks for that',
  DTLTO_VERIFY_MISMATCH: 'a distributed object differs from the one made on this machine',
  DTLTO_CANCELLED: 'the link was cancelled',
} as const

export type ErrorCode = keyof typeof ERROR_CODES

export interface DtltoErrorOptions {
  readonly cause?: unknown
  /** Facts for programs: plain values, safe to serialise. */
  readonly details?: Readonly<Record<string, unknown>>
}

const BRAND = Symbol.for('dtlto.DtltoError')

/**
 * The one error class of dtlto. `message` is in lld's style: cause first, the subject in quotes, then what
 * to do; no trailing full stop.
 */
export class DtltoError extends Error {
  readonly code: ErrorCode
  readonly details: Readonly<Record<string, unknown>>
  readonly [BRAND] = true

  constructor(code: ErrorCode, message: string, options: DtltoErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'DtltoError'
    this.code = code
    this.details = options.details ?? {}
  }

  /** True for a DtltoError of any copy of this package: a plugin may bring its own. False for proxies that do not let themselves be asked. */
  static is(value: unknown): value is DtltoError {
    try {
      return typeof value === 'object' && value !== null && BRAND in value
    } catch {
      return false
    }
  }
}
