/** What can befall a distccd server, done to real ones. The tests of whole links and bench/distcc-faults.ts go through this list. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Cable } from '../../packages/distributor-distcc/src/testing/cable.js'
import { FakeCompilers } from '../../packages/distributor-distcc/src/testing/compilers.js'
import { Distccd, type DistccdOptions, freePort } from '../../packages/distributor-distcc/src/testing/distccd.js'
import { type Meddle, Proxy } from '../../packages/distributor-distcc/src/testing/proxy.js'
import { LLVM_MAJOR } from '../link/toolchain.js'

export interface Fault {
  /** What is true of the server, or happens to it. */
  readonly name: string
  /** Why it cannot be made on this machine; undefined when it can. */
  readonly whyNot?: () => string | undefined
  /** A server that has the fault, or to which it can happen. */
  readonly start: () => Promise<Victim>
  /** What every warning about the server says. */
  readonly warning: RegExp
  /** The link may be over before there is anything to warn of. */
  readonly mayBeSilent?: true
}

export interface Victim {
  /** For the option `hosts`. */
  readonly address: string
  /** Strikes in the middle of the link. Absent: the fault is there from the start. */
  readonly strike?: () => Promise<void> | void
  /** It works on a job of the link, and not on its first one. To be asked often. */
  readonly isAtWork: () => boolean
  readonly stop: () => Promise<void>
}

/** A healthy server. */
export async function healthy(options: DistccdOptions = {}): Promise<Victim> {
  return victim(await Distccd.start({ jobs: 2, stats: false, ...options }))
}

function victim(server: Distccd, more: Partial<Victim> = {}): Victim {
  // The first compiler is the probe's, the second that of the first job.
  const seen = new Set<number>()
  return {
    address: server.address,
    isAtWork: () => {
      const running = server.compilers()
      for (const pid of running) seen.add(pid)
      return seen.size > 2 && running.length > 0
    },
    stop: () => server.stop(),
    ...more,
  }
}

async function untilAtWork(victims: readonly Victim[]): Promise<void> {
  const deadlineMs = performance.now() + 30_000
  // Asks each of them every time.
  while (victims.filter((each) => each.isAtWork()).length < victims.length) {
    if (performance.now() > deadlineMs) throw new Error('a server had no two jobs of the link within 30 s')
    await sleep(5)
  }
}

/** Resolves when the faults that come in the link's middle have struck; to false if the link was over before. */
export async function strikeInTheMiddle(victims: readonly Victim[], linkEnded: Promise<unknown>): Promise<boolean> {
  const struck = victims.filter(({ strike }) => strike !== undefined)
  const isInTime = await Promise.race([untilAtWork(struck).then(() => true), linkEnded.then(() => false)])
  for (const { strike } of struck) await strike?.()
  return isInTime
}

/** A server whose processes get a signal in the middle of the link. */
const signalled = async (strike: (server: Distccd) => void): Promise<Victim> => {
  const server = await Distccd.start({ jobs: 2, stats: false })
  return victim(server, { strike: () => strike(server) })
}

/** A server whose PATH is `path` of `compilers`. */
const withCompilers = async (
  path: (compilers: FakeCompilers) => string,
  more: (directory: string) => Partial<Victim> = () => ({}),
): Promise<Victim> => {
  const compilers = new FakeCompilers()
  const directory = path(compilers)
  const server = await Distccd.start({ jobs: 2, stats: false, path: directory })
  const stop = async (): Promise<void> => {
    await server.stop()
    compilers.remove()
  }
  return victim(server, { ...more(directory), stop })
}

/** A server behind a proxy that meddles with the answers to jobs from the strike on. */
const meddled = async (meddle: Meddle): Promise<Victim> => {
  const server = await Distccd.start({ jobs: 2, stats: false })
  const proxy = await Proxy.to(server.port)
  return victim(server, {
    address: proxy.address,
    strike: () => {
      proxy.meddle = meddle
    },
    stop: async () => {
      await proxy.stop()
      await server.stop()
    },
  })
}

/** A server with a small disk of its own for the files of jobs, which somebody fills. */
const smallDisk = async (): Promise<Victim> => {
  const disk = mountSmallDisk()
  const server = await Distccd.start({ jobs: 2, stats: false, temporary: disk })
  return victim(server, {
    strike: () => fill(disk),
    stop: async () => {
      await server.stop()
      unmount(disk)
    },
  })
}

function mountSmallDisk(): string {
  const directory = mkdtempSync(join(tmpdir(), 'dtlto-disk-'))
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16m,mode=1777', 'dtlto-test', directory])
  if (status === 0) return directory
  rmdirSync(directory)
  throw new Error('mounting a small disk is not permitted here')
}

function fill(directory: string): void {
  spawnSync('dd', ['if=/dev/zero', `of=${join(directory, 'filler')}`, 'bs=64k'])
}

function unmount(directory: string): void {
  // Compilers that outlived the server may still have files open there.
  spawnSync('umount', ['--lazy', directory])
  rmdirSync(directory)
}

/** A server on a machine of its own, whose cable is pulled. */
const onCable = async (): Promise<Victim> => {
  const cable = Cable.lay()
  const { wrapper, address: listen, network: allow } = cable
  const server = await Distccd.start({ jobs: 2, stats: false, wrapper, listen, allow })
  return victim(server, {
    strike: () => cable.cut('there'),
    stop: async () => {
      await server.stop()
      cable.remove()
    },
  })
}

/** A web server, where the host list promises distccd. */
const webServer = async (): Promise<Victim> => {
  const server = createServer((_, response) => response.end('hello'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    isAtWork: () => true,
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

const nobody = async (): Promise<Victim> => ({
  address: `127.0.0.1:${await freePort()}`,
  isAtWork: () => true,
  stop: () => Promise.resolve(),
})

/** Another clang than that of the tests, from Debian's packages. */
function otherClang(): string | undefined {
  const found = readdirSync('/usr/lib').filter((name) => /^llvm-\d+$/.test(name) && name !== `llvm-${LLVM_MAJOR}`)
  return found.map((name) => `/usr/lib/${name}/bin/clang`).find((path) => existsSync(path))
}

function reasonOf(attempt: () => void): string | undefined {
  try {
    attempt()
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

const LOST =
  /the server closed the connection without an answer|the connection was reset before any answer|connect ECONNREFUSED|the answer ended after/

/** Servers that never work. */
export const FROM_THE_START: readonly Fault[] = [
  { name: 'does not run', start: nobody, warning: /connect ECONNREFUSED .*; is distccd running there, and TCP port/ },
  {
    name: 'does not allow this machine',
    start: () => healthy({ allow: '10.255.0.1' }),
    warning: /the connection was reset before any answer; allow this machine there/,
  },
  {
    name: 'does not allow the compiler',
    start: () => healthy({ allowedCompilers: ['gcc'] }),
    warning: /the server closed the connection without an answer; install 'clang-\d+' there/,
  },
  {
    name: 'has no compiler',
    start: () => withCompilers((compilers) => compilers.only()),
    warning: /the compiler is not installed there.*; install 'clang-\d+' there/,
  },
  {
    name: 'has a clang of another version',
    whyNot: () => (otherClang() === undefined ? 'no other clang is installed' : undefined),
    start: () => withCompilers((compilers) => compilers.only(otherClang())),
    warning:
      /its compiler is \d+\.\d+\.\d+\S*, but the linker is LLVM \d+\.\d+\.\d+; install the same LLVM version there/,
  },
  {
    name: 'has gcc under the name of clang',
    start: () => withCompilers((compilers) => compilers.only('/usr/bin/gcc')),
    warning: /its compiler cannot do a ThinLTO backend|its compiler does not tell its version/,
  },
  {
    name: 'is stopped before the link',
    start: async () => {
      const server = await Distccd.start({ jobs: 2, stats: false })
      server.signalAll('SIGSTOP')
      return victim(server, { isAtWork: () => true })
    },
    warning: /no complete answer within 10000 ms/,
    mayBeSilent: true,
  },
  {
    name: 'is a web server',
    start: webServer,
    warning:
      /not an answer of distccd: expected a DONE token but received "HTTP\/1\.1 400"; is TCP port \d+ there that of distccd/,
  },
]

/** Servers that work, until something happens to them. */
export const IN_THE_MIDDLE: readonly Fault[] = [
  {
    name: 'is killed',
    start: () => signalled((server) => server.signalAll('SIGKILL')),
    warning: LOST,
  },
  {
    name: 'is killed and started again',
    start: async () => {
      let server = await Distccd.start({ jobs: 2, stats: false })
      return victim(server, {
        strike: async () => {
          server = await server.restart()
        },
        stop: () => server.stop(),
      })
    },
    warning: LOST,
  },
  {
    name: 'loses its serving processes',
    start: () => signalled((server) => server.signalChildren('SIGKILL')),
    warning: LOST,
  },
  {
    name: 'loses a compiler',
    start: () => signalled((server) => server.signalCompilers('SIGKILL')),
    warning: /the compiler was killed by signal 9; the job is compiled elsewhere/,
  },
  {
    name: 'is stopped',
    start: () => signalled((server) => server.signalAll('SIGSTOP')),
    warning: /no complete answer within/,
    mayBeSilent: true,
  },
  {
    name: 'loses its compiler’s program',
    start: () =>
      withCompilers(
        (compilers) => compilers.only(`/usr/bin/clang-${LLVM_MAJOR}`),
        (directory) => ({ strike: () => unlinkSync(join(directory, `clang-${LLVM_MAJOR}`)) }),
      ),
    warning: /the compiler is not installed there.*; install 'clang-\d+' there/,
  },
  {
    name: 'has a full disk',
    whyNot: () => reasonOf(() => unmount(mountSmallDisk())),
    start: smallDisk,
    warning: new RegExp(
      `${LOST.source}|No space left on device|without a message: is the disk full there|distccd gave up with exit code`,
    ),
  },
  {
    name: 'is cut off the network',
    whyNot: () => Cable.whyNot(),
    start: onCable,
    warning: /no connection within 3000 ms|EHOSTUNREACH|no sign of life any more|the connection was reset/,
    mayBeSilent: true,
  },
  {
    name: 'is behind a proxy that cuts answers off',
    start: () => meddled((chunk, offset) => (offset >= 2000 ? undefined : chunk.subarray(0, 2000 - offset))),
    warning: /the answer ended after 2000 bytes, before its DOTO/,
  },
  {
    name: 'is behind a proxy that damages answers',
    start: () => meddled((chunk, offset) => (offset === 0 ? Buffer.from('HTTP/1.0 502 Bad Gateway\r\n\r\n') : chunk)),
    warning: /not an answer of distccd: expected a DONE token but received "HTTP\/1\.0/,
  },
]
