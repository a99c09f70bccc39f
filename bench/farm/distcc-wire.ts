/** Machines that speak distcc's protocol 3, as packages/distributor-distcc/src/request.ts and answer.ts describe it. */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { lzo1x } from '../../packages/dtlto/src/distributors/lzo1x.js'
import { token } from '../../packages/distributor-distcc/src/request.js'
import { ExactReader } from './reader.js'
import { keyOf } from './recordings.js'
import type { Slots } from './slots.js'
import { serveConnections } from './serve-connections.js'
import type { FarmWire } from './wire.js'

interface Request {
  readonly workingDirectory: string
  readonly argv: readonly string[]
  /** Contents are empty where nobody is going to look at them. */
  readonly files: readonly { readonly name: string; readonly compressed: Buffer }[]
  readonly sizeBytes: number
}

const INDEX = '/index.thinlto.bc'
const MAX_FILE_BYTES = 1 << 30
/** Files of the question that comes before the jobs are no larger. */
const PROBE_BYTES = 8 * 1024

export const distccWire: FarmWire = {
  isCluster: false,
  start: (slots) => serveConnections((socket) => serve(socket, slots)),
  linkerOptions: (machines) => {
    const hosts = machines.map(({ port, slots }) => `127.0.0.1:${String(port)}/${String(slots)}`)
    return Promise.resolve([`--distribute=distcc,stats-port=0,hosts=${hosts.join('+')}`])
  },
}

async function serve(socket: Socket, slots: Slots): Promise<void> {
  const request = await readRequest(socket, slots.isRecording)
  const answer = await slots.run({
    key: jobKey(request),
    requestBytes: request.sizeBytes,
    isJob: request.files.some(({ name }) => name.endsWith(INDEX)), // not the probe
    compile: () => compile(request),
  })
  socket.end(answer)
}

async function readRequest(socket: Socket, isWhole: boolean): Promise<Request> {
  const reader = new ExactReader(socket)
  let sizeBytes = 0
  const number = async (name: string): Promise<number> => {
    const bytes = await reader.read(12)
    sizeBytes += 12
    if (bytes.toString('latin1', 0, 4) !== name) throw new Error(`expected ${name}`)
    return Number.parseInt(bytes.toString('latin1', 4), 16)
  }
  const length = async (name: string): Promise<number> => {
    const bytes = await number(name)
    sizeBytes += bytes
    return bytes
  }
  const body = async (name: string): Promise<Buffer> => reader.read(await length(name))
  await number('DIST')
  const workingDirectory = (await body('CDIR')).toString()
  const argv: string[] = []
  for (let left = await number('ARGC'); left > 0; left--) argv.push((await body('ARGV')).toString())
  const files: { name: string; compressed: Buffer }[] = []
  for (let left = await number('NFIL'); left > 0; left--) {
    const name = (await body('NAME')).toString()
    const bytes = await length('FILE')
    if (isWhole || isTelling(name) || bytes <= PROBE_BYTES) files.push({ name, compressed: await reader.read(bytes) })
    else {
      await reader.skip(bytes)
      files.push({ name, compressed: Buffer.alloc(0) })
    }
  }
  return { workingDirectory, argv, files, sizeBytes }
}

/** What the answer depends on. Modules are known by the index, which has their names and hashes: how they are packed does not matter. */
const isTelling = (name: string): boolean => name.endsWith('.rsp') || name.endsWith(INDEX)

function jobKey({ argv, files }: Request): string {
  const telling = files.filter(({ name }) => isTelling(name))
  return keyOf([...argv, ...files.map(({ name }) => name), ...telling.map(({ compressed }) => compressed)])
}

async function compile({ workingDirectory, argv, files }: Request): Promise<Buffer> {
  const root = await mkdtemp(join(tmpdir(), 'dtlto-farm-'))
  try {
    for (const { name, compressed } of files) {
      const path = join(root, name)
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, compressed.length === 0 ? '' : await plainBytes(compressed))
    }
    const [program = '', ...args] = argv
    const cwd = join(root, workingDirectory)
    const { status, stdout, stderr } = await new Promise<{ status: number; stdout: string; stderr: string }>(
      (resolve) => {
        execFile(program, args, { cwd, maxBuffer: 1 << 28 }, (error, stdout, stderr) => {
          resolve({ status: error ? (typeof error.code === 'number' ? error.code : 1) : 0, stdout, stderr })
        })
      },
    )
    if (status !== 0) throw new Error(`${program} exited with ${String(status)}: ${stderr}`)
    const part = (name: string, bytes: Buffer): Buffer => {
      const packed = bytes.length === 0 ? bytes : lzo1x().compress(bytes)
      return Buffer.concat([Buffer.from(token(name, packed.length)), packed])
    }
    return Buffer.concat([
      Buffer.from(token('DONE', 3) + token('STAT', 0)),
      part('SERR', Buffer.from(stderr)),
      part('SOUT', Buffer.from(stdout)),
      part('DOTO', await readFile(join(cwd, 'o.o'))),
    ])
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

async function plainBytes(block: Buffer): Promise<Uint8Array> {
  const bytes = await lzo1x().decompress(block, MAX_FILE_BYTES)
  if (bytes === undefined) throw new Error('a file is too large')
  return bytes
}
