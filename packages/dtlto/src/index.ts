/** `dtlto`: for programs that run links themselves. */
export { DtltoError, ERROR_CODES } from './errors.js'
export type { DtltoErrorOptions, ErrorCode } from './errors.js'
