/**
 * Memory for lld's final link. What distributors have held, compressed modules and buffers of requests and answers, is garbage when the last object is there; but nothing allocates any more, so V8 does
 * not look for it, and glibc would keep what V8 gives back. On ffmpeg over distcc it is 0.3 GiB, at the very time at which the link needs most.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { native } from '@dtlto/native'
import type { LinkSession } from './session.js'

/** Collecting takes some 30 ms of a thread on which nothing waits then. */
const WORTH_BYTES = 64 * 1024 * 1024

/** Only for a process that is the linker: in others it is not ours to stop everything for garbage. */
export function giveBackGarbage(): void {
  collectGarbage()
  native().trimMemory()
  // Whoever closed the distributors has used it.
  native().forgetPrograms()
}

function collectGarbage(): void {
  if (outsideBytes() < WORTH_BYTES) return
  // Node's own way to it, for who has not started it with that flag.
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  if (typeof collect === 'function') (collect as () => void)()
}

/** What objects of V8's have outside of its heap. */
function outsideBytes(): number {
  try {
    return process.memoryUsage().arrayBuffers
  } catch {
    return Infinity // it reads /proc, too, which may not be there
  }
}

/**
 * Lets go of what is mapped of files: the link's modules, the code of Node and of LLVM. It counts to the process's memory for as long as it is mapped, though it can be read again, and most of it
 * is not: where backends run elsewhere nobody needs code generators, and a module is read once. What it costs is two milliseconds in a link of git, there and back.
 */
export function forgetFiles(session: LinkSession): void {
  session.native.forgetModules()
  native().forgetPrograms()
}
