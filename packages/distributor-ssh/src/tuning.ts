/** Times, in milliseconds. Tests have shorter ones. */
export interface Tuning {
  /** From ssh's start to the first line of the script, beyond the time to connect: the login, the user's shell and its start-up files. */
  readonly greetMs: number
  /** From there until dtlto-codegen answers: some 200 MB are read and checked. */
  readonly checkMs: number
  /** Sending dtlto-codegen: without a byte that moves. */
  readonly stallMs: number
  readonly pingMs: number
  /** An answer to a ping that is waited for. */
  readonly pongMs: number
  /** No byte in either direction: the connection is dead, for either side. */
  readonly silenceMs: number
}

export const DEFAULT_TUNING: Tuning = {
  greetMs: 20_000,
  checkMs: 120_000,
  stallMs: 60_000,
  pingMs: 5_000,
  pongMs: 8_000,
  silenceMs: 30_000,
}
