import { writeSync } from 'node:fs'

/** How long a pipe that nobody has read is left alone before it is tried again. */
const FULL_MS = 5

/**
 * Writes to a descriptor, synchronously and completely: what is said must be out before the process ends, in order with what lld writes itself. A reader that is slow is waited for; one that is
 * gone loses what follows, as with lld.
 */
export function writeAll(fd: number, text: string | Buffer): void {
  let rest = Buffer.from(text)
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_MS)
    }
  }
}
