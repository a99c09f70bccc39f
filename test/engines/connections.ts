/** Who is connected to a server on loopback, as the kernel tells it. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

const ESTABLISHED = '01'

/**
 * What is counted in /proc is not counted at one moment: something that ends while the next begins may be seen beside it. So
 * a number holds only as far as two more looks at once confirm it.
 */
export function confirmed(count: () => number): number {
  return Math.min(count(), count(), count())
}

/** Open connections of process `pid` to TCP port `port` (IPv4). */
export function connectionsOf(pid: number, port: number): number {
  return confirmed(() => count(pid, port))
}

function count(pid: number, port: number): number {
  const inodes = new Set(connectionsTo(port))
  let found = 0
  try {
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1]
      if (inode !== undefined && inodes.has(inode)) found++
    }
  } catch {
    // The process has ended.
  }
  return found
}

/** Inodes of the clients' sockets: fields 2, 3 and 9 of a line are the remote address, the state and the inode (proc(5)). */
function connectionsTo(port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return readFileSync('/proc/net/tcp', 'latin1')
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[2]?.endsWith(suffix) === true && fields[3] === ESTABLISHED)
    .flatMap((fields) => fields[9] ?? [])
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
