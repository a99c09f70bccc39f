import type { Bench } from './bench.js'

/** One thing that a distributor must do: a sentence, and a proof that fails with what it should do instead. */
export interface Check<Name extends string = string> {
  readonly name: Name
  readonly run: (bench: Bench) => Promise<void> | void
}

/** Keeps the names of checks as types: they are what `skip` takes. */
export function checks<const Name extends string>(list: readonly Check<Name>[]): readonly Check<Name>[] {
  return list
}
