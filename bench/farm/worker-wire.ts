/** Workers at sockets that speak `dtlto-codegen --serve`, as packages/native/src/job/job_codec.cpp describes it. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ROOT } from '../../scripts/root.mjs'
import { codegenProgram } from '../../packages/dtlto/src/distributors/codegen/program.js'
import { ExactReader } from './reader.js'
import { keyOf } from './recordings.js'
import type { Slots } from './slots.js'
import { serveConnections } from './serve-connections.js'
import type { FarmWire } from './wire.js'

const HEADER_BYTES = 16
const ANSWER_DIGEST_BYTES = 32
/** A stream to a socket in both directions, without a program that would have to be installed. */
const CONNECT = `#!/bin/bash
exec 3<>"/dev/tcp/127.0.0.1/$1"
cat <&3 &
exec cat >&3
`

export const workerWire: FarmWire = {
  // One distributor has one command, which leads to one socket.
  isCluster: true,
  start: (slots) => serveConnections((socket) => serve(socket, slots)),
  linkerOptions: async ([machine]) => {
    const directory = join(ROOT, 'build/bench/farm')
    await mkdir(directory, { recursive: true })
    const program = join(directory, 'connect')
    await writeFile(program, CONNECT)
    await chmod(program, 0o755)
    const { port = 0, slots = 1 } = machine ?? {}
    return [`--distribute=worker,slots=${String(slots)},share=off,command=${program} ${String(port)}`]
  },
}

async function serve(socket: Socket, slots: Slots): Promise<void> {
  /** What the worker keeps, which a real one needs when jobs are recorded. */
  let worker: Worker | undefined
  socket.on('close', () => worker?.stop())
  const reader = new ExactReader(socket)
  for (;;) {
    const head = await reader.read(HEADER_BYTES)
    const manifest = await reader.read(head.readUInt32LE(4))
    const bodyBytes = Number(head.readBigUInt64LE(8))
    let body: Buffer = Buffer.alloc(0)
    if (slots.isRecording) body = await reader.read(bodyBytes)
    else await reader.skip(bodyBytes)
    const message = [head, manifest, body]
    const text = manifest.toString('latin1')
    const answer = await slots.run({
      key: jobKey(text),
      requestBytes: HEADER_BYTES + manifest.length + bodyBytes,
      isJob: text.includes('\nblob own '), // not the greeting
      compile: () => (worker ??= new Worker()).ask(message),
    })
    socket.write(forJob(answer, text))
  }
}

/** Without what depends on earlier jobs: how each blob comes, and the digest of that. */
function jobKey(manifest: string): string {
  return keyOf([manifest.replace(/^(blob .*) (?:send|keep|known)$/gm, '$1').replace(/^digest .*\n/m, '')])
}

/** An answer names the manifest that it answers, and each worker has its own: it says what it has kept. */
function forJob(answer: Buffer, manifest: string): Buffer {
  const textAt = HEADER_BYTES + ANSWER_DIGEST_BYTES
  const bodyAt = textAt + answer.readUInt32LE(4)
  const job = createHash('sha256').update(manifest, 'latin1').digest('hex')
  const text = answer.toString('latin1', textAt, bodyAt).replace(/^job [0-9a-f]{64}$/m, `job ${job}`)
  const whole = Buffer.concat([Buffer.from(text, 'latin1'), answer.subarray(bodyAt)])
  const digest = createHash('sha256').update(whole).digest()
  return Buffer.concat([answer.subarray(0, HEADER_BYTES), digest, whole])
}

/** A real `dtlto-codegen --serve`. */
class Worker {
  readonly #child = spawn(codegenProgram(), ['--serve'], { stdio: ['pipe', 'pipe', 'inherit'] })
  readonly #answers = new ExactReader(this.#child.stdout)

  async ask(message: readonly Buffer[]): Promise<Buffer> {
    for (const part of message) this.#child.stdin.write(part)
    const head = await this.#answers.read(HEADER_BYTES)
    const rest = await this.#answers.read(ANSWER_DIGEST_BYTES + head.readUInt32LE(4) + Number(head.readBigUInt64LE(8)))
    return Buffer.concat([head, rest])
  }

  stop(): void {
    this.#child.kill()
  }
}
