import { readFileSync } from 'node:fs'

/** What the distributor says of itself at the end of a link. */
export interface Totals {
  readonly executed: number
  readonly cached: number
  readonly sentBlobs: number
  readonly askedBlobs: number
  readonly sentBytes: number
  readonly receivedBytes: number
}

/** Reads them from a trace. Throws if it does not have them. */
export function readTotals(trace: string): Totals {
  const pattern =
    /reapi: (\d+) jobs executed, (\d+) from the action cache; (\d+) of (\d+) blobs sent, (\d+) bytes; (\d+) bytes received/
  const numbers = pattern.exec(readFileSync(trace, 'utf8'))?.slice(1).map(Number)
  if (numbers === undefined) throw new Error(`'${trace}' does not say what was sent`)
  const [executed = 0, cached = 0, sentBlobs = 0, askedBlobs = 0, sentBytes = 0, receivedBytes = 0] = numbers
  return { executed, cached, sentBlobs, askedBlobs, sentBytes, receivedBytes }
}
