/**
 * The GNU make jobserver, from a client's side. GNU make manual, "Job Slots" (POSIX Jobserver).
 *
 * make has a pipe with one byte for each job that may run beside the first. Whoever wants to run one job more reads a byte, and
 * writes that same byte back when the job has ended. MAKEFLAGS says where the pipe is, `--jobserver-auth=R,W` (two inherited
 * descriptors; before make 4.2 `--jobserver-fds`) or `--jobserver-auth=fifo:PATH` (make 4.4 and later). Of several the last
 * counts. ninja, cargo and other tools offer the same.
 *
 * Two things must be got right:
 *
 * * Reading must neither block nor change the pipe for its other users: O_NONBLOCK belongs to the open file description, which they
 *   share. So the pipe is opened once more, through /proc/self/fd, with a description of our own.
 * * make closes the descriptors for commands that it does not take for a make (no `+`, no $(MAKE)), but says R,W in MAKEFLAGS all the
 *   same (up to 4.3). Node then has pipes of its own under the same numbers; to read from those breaks it. A pipe that really
 *   was handed down is open in our parent, too, under the same number: that is the test.
 */
import { closeSync, constants, fstatSync, openSync, readlinkSync, readSync, writeSync } from 'node:fs'

export type JobserverAddress =
  | { readonly kind: 'fifo'; readonly path: string; readonly text: string }
  | { readonly kind: 'pipe'; readonly readFd: number; readonly writeFd: number; readonly text: string }

/** What the environment offers, if anything. */
export function jobserverAddress(env: Readonly<Record<string, string | undefined>>): JobserverAddress | undefined {
  for (const flags of [env['MAKEFLAGS'], env['CARGO_MAKEFLAGS']]) {
    const found = flags?.match(/(?<=^|\s)--jobserver-(?:auth|fds)=\S+/g)?.at(-1)
    const text = found?.replace(/^.*?=/, '')
    if (text?.startsWith('fifo:')) return { kind: 'fifo', path: text.slice(5), text }
    const [, readFd, writeFd] = /^(\d+),(\d+)$/.exec(text ?? '') ?? []
    // make 4.4 writes -2,-2 for commands that get no jobserver.
    if (text && readFd && writeFd) return { kind: 'pipe', readFd: Number(readFd), writeFd: Number(writeFd), text }
  }
  return undefined
}

/** A jobserver that is open. Nothing here blocks, waits or throws. */
export interface Jobserver {
  /** A token, or undefined when there is none now. */
  take(): number | undefined
  giveBack(token: number): void
  /** One more descriptor for reading, for who wants to wait; its user closes it. */
  openForWaiting(): number | undefined
  close(): void
}

/** Undefined if the jobserver is not there or not meant for this process. */
export function openJobserver(address: JobserverAddress): Jobserver | undefined {
  const opened: number[] = []
  const open = (path: string, mode: number): number => {
    const fd = openSync(path, mode | constants.O_NONBLOCK)
    opened.push(fd)
    // `bigint`: distributors/load.ts says why.
    if (!fstatSync(fd, { bigint: true }).isFIFO()) throw new Error(`'${path}' is not a pipe`)
    return fd
  }
  const closeAll = (): void => {
    for (const fd of opened.splice(0)) closeSync(fd)
  }
  try {
    if (address.kind === 'pipe' && !(isHandedDown(address.readFd) && isHandedDown(address.writeFd))) return undefined
    const [source, sink] =
      address.kind === 'fifo' ? [address.path, address.path] : [fdPath(address.readFd), fdPath(address.writeFd)]
    // Of a fifo we are reader and writer in one: it never ends while we have it.
    const readFd = open(source, address.kind === 'fifo' ? constants.O_RDWR : constants.O_RDONLY)
    const writeFd = address.kind === 'fifo' ? readFd : open(sink, constants.O_WRONLY)
    return connected(readFd, writeFd, closeAll)
  } catch {
    closeAll()
    return undefined
  }
}

function connected(readFd: number, writeFd: number, close: () => void): Jobserver {
  const byte = Buffer.alloc(1)
  return {
    take() {
      try {
        return readSync(readFd, byte) === 1 ? byte[0] : undefined
      } catch {
        return undefined // EAGAIN: all tokens are out
      }
    },
    giveBack(token) {
      try {
        writeSync(writeFd, Uint8Array.of(token))
      } catch {
        // Nobody is there any more to give it to.
      }
    },
    openForWaiting() {
      try {
        return openSync(fdPath(readFd), constants.O_RDONLY | constants.O_NONBLOCK)
      } catch {
        return undefined
      }
    },
    close,
  }
}

const fdPath = (fd: number): string => `/proc/self/fd/${String(fd)}`

function isHandedDown(fd: number): boolean {
  const ours = readlinkSync(fdPath(fd))
  return ours.startsWith('pipe:') && ours === readlinkSync(`/proc/${String(process.ppid)}/fd/${String(fd)}`)
}
