import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const DEADLINE_MS = 20_000

/** Starts the redis server `executable` on a socket of its own; rejects unless it answers PING. */
export async function pingRedis(executable: string): Promise<void> {
  // In the temporary directory: the path of a Unix socket has 107 bytes at most.
  const directory = await mkdtemp(join(tmpdir(), 'dtlto-redis-'))
  const path = join(directory, 'socket')
  const server = spawn(executable, ['--port', '0', '--unixsocket', path, '--save', '', '--dir', directory], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  server.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  server.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const ended = once(server, 'exit')
  try {
    const answer = await Promise.race([
      ping(path),
      ended.then(() => {
        throw new Error(`redis-server ended at once:\n${output}`)
      }),
    ])
    if (!answer.startsWith('+PONG')) throw new Error(`redis-server answered '${answer}' to PING`)
  } finally {
    server.kill('SIGKILL')
    await ended
    await rm(directory, { recursive: true, force: true })
  }
}

async function ping(path: string): Promise<string> {
  const socket = await connectWhenThere(path, Date.now() + DEADLINE_MS)
  socket.write('PING\r\n')
  const [answer] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  return answer.toString()
}

async function connectWhenThere(path: string, deadline: number): Promise<Socket> {
  for (;;) {
    const socket = connect(path)
    try {
      await once(socket, 'connect')
      return socket
    } catch (error) {
      if (Date.now() > deadline) throw error
      await sleep(50)
    }
  }
}
