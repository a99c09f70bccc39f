/**
 * What links of one machine tell each other: a process binds a socket in Linux' abstract namespace, under a name that says it all, and never reads from it. That
 * the name is in /proc/net/unix is the whole message.
 *
 * An abstract socket is no file, so a link still creates none but its outputs; it vanishes with the process, even by SIGKILL, so there is nothing to
 * clean up, nothing stale and no daemon. (POSIX semaphores outlive a killed process with the tokens it held.)
 *
 * Any user can bind such names, so a name counts only if the process in it is one of the same user and holds that very socket. Processes in other
 * namespaces of the network or of processes (most containers) do not see each other.
 */
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import type { Server } from 'node:net'

export function announce(name: string): Server {
  // Loaded when it is needed: it costs a millisecond.
  const { createServer } = process.getBuiltinModule('node:net')
  const server = createServer((connection) => connection.destroy())
  server.on('error', () => undefined) // then nobody sees us
  server.listen({ path: `\0${name}` })
  return server.unref()
}

export interface Announcement {
  readonly name: string
  readonly number: number
  readonly pid: string
  readonly inode: string
}

/** Whoever it is that has bound a name of the group: `GROUP-PID-NUMBER`. */
export function announcements(group: string): Announcement[] {
  let sockets: string
  try {
    sockets = readFileSync('/proc/net/unix', 'latin1')
  } catch {
    return []
  }
  const found = sockets.matchAll(new RegExp(` (\\d+) @(${group}-(\\d+)-(\\d+))`, 'g'))
  return [...found].map(([, inode = '', name = '', pid = '', number = '']) => ({
    name,
    pid,
    inode,
    number: Number(number),
  }))
}

export function isOfThisUser({ pid, inode }: Announcement): boolean {
  try {
    if (statSync(`/proc/${pid}`).uid !== process.geteuid?.()) return false
    const descriptors = `/proc/${pid}/fd`
    return readdirSync(descriptors).some((fd) => linkOf(`${descriptors}/${fd}`) === `socket:[${inode}]`)
  } catch {
    return false // it has ended, or is none of ours
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined // closed meanwhile
  }
}
