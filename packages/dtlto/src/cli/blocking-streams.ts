/**
 * `process.stdout` and `process.stderr` for plugins, and for Node itself, which looks at stderr when a socket is destroyed (node:net, `_destroy`). Node's own, for a pipe or a socket, set
 * O_NONBLOCK, and that is a property of what the descriptor leads to: make, and every other program of the build that has the same stderr, then fails to write ("Resource temporarily
 * unavailable"), also long after the link. These write at once and wholly, and leave it as it is.
 */
import { fstatSync } from 'node:fs'
import { Writable } from 'node:stream'
import { writeAll } from '../write-all.js'

const STREAMS = { stdout: 1, stderr: 2 } as const

/** For files and terminals Node's own do no harm. */
export function useBlockingStreams(): void {
  for (const [name, fd] of Object.entries(STREAMS)) {
    if (!isShared(fd)) continue
    let stream: Writable | undefined
    const get = (): Writable => (stream ??= blockingStream(fd))
    Object.defineProperty(process, name, { configurable: true, enumerable: true, get })
  }
}

function isShared(fd: number): boolean {
  const found = fstatSync(fd)
  return found.isFIFO() || found.isSocket()
}

function blockingStream(fd: number): Writable {
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      writeAll(fd, chunk)
      done()
    },
  })
  return Object.assign(stream, { fd })
}
