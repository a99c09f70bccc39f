import { connect } from 'node:net'

/** Nobody is there. Whatever else fails (a name, a limit of this process) says nothing about the server. */
const NOBODY = new Set(['ECONNREFUSED', 'ETIMEDOUT', 'EHOSTUNREACH', 'EHOSTDOWN', 'ENETUNREACH', 'ENETDOWN', 'ENONET'])

/**
 * Whether a server's port still accepts connections. Its kernel does that at once, however busy distccd is, and even if it is stopped. A
 * machine without power or network does not answer; a port that refuses has no process of distccd any more, so no job can come back
 * from there. Nothing is sent. Resolves with true when aborted; never rejects.
 */
export function acceptsConnections(
  host: string,
  port: number,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve(true)
      return
    }
    const socket = connect({ host, port })
    const finish = (accepted: boolean): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      socket.destroy()
      resolve(accepted)
    }
    const onAbort = (): void => finish(true)
    const timer = setTimeout(() => finish(false), timeoutMs)
    signal.addEventListener('abort', onAbort, { once: true })
    socket.on('connect', () => finish(true))
    socket.on('error', ({ code }: NodeJS.ErrnoException) => finish(!NOBODY.has(code ?? '')))
  })
}
