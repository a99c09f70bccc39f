/** Two modules, and the index by which the first imports from the second; base64. */
export interface ProbeBitcode {
  /** Of the modules. Empty: they name none, and compile for any. */
  readonly target: string
  readonly main: string
  readonly callee: string
  readonly index: string
}
