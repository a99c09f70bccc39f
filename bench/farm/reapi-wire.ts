/** An engine of the Remote Execution API whose workers sleep: the tests' own engine, with another executor. */
import http2 from 'node:http2'
import { codegenProgram } from '@dtlto/native'
import * as re from '../../packages/distributor-reapi/src/generated/build/bazel/remote/execution/v2/remote_execution.js'
import { FakeEngine } from '../../packages/distributor-reapi/src/testing/fake-engine.js'
import { runAction } from '../../packages/distributor-reapi/src/testing/run-action.js'
import { keyOf } from './recordings.js'
import type { Slots } from './slots.js'
import type { FarmMachine, FarmWire } from './wire.js'

export const reapiWire: FarmWire = {
  isCluster: true,
  start: (slots) => start(slots),
  linkerOptions: ([machine]) => {
    const { port = 0, slots = 1 } = machine ?? {}
    // As if the workers' image had it: shipping it is once for ever, and not what is measured.
    const toolchain = `toolchain=image,image_compiler=${codegenProgram()}`
    return Promise.resolve([
      `--distribute=reapi,remote_executor=grpc://127.0.0.1:${String(port)},slots=${String(slots)},${toolchain}`,
    ])
  },
}

/**
 * What the linker may send before the engine has said that it took it. Servers of gRPC's C++ and Go libraries enlarge their windows while a line carries more; those of Node keep
 * HTTP/2's 64 KiB, with which an upload is a conversation of two busy event loops: git over 128 slots took 8 % longer.
 */
const WINDOW_BYTES = 4 * 1024 ** 2

/** Servers that are made meanwhile have such windows; the library has no option for it. */
async function withWindows<T>(start: () => Promise<T>): Promise<T> {
  const { createServer } = http2
  http2.createServer = ((options: http2.ServerOptions) => {
    const server = createServer({ ...options, settings: { ...options.settings, initialWindowSize: WINDOW_BYTES } })
    return server.on('session', (session) => session.setLocalWindowSize(WINDOW_BYTES))
  }) as typeof createServer
  try {
    return await start()
  } finally {
    http2.createServer = createServer
  }
}

async function start(slots: Slots): Promise<FarmMachine> {
  const engine = await withWindows(() => startEngine(slots))
  return {
    port: Number(new URL(engine.address).port),
    forget: () => {
      engine.results.clear()
      engine.blobs.clear()
      const bytes = engine.counts.uploadedBytes
      engine.counts.uploadedBytes = 0
      return bytes
    },
    stop: () => {
      engine.stop()
      return Promise.resolve()
    },
  }
}

function startEngine(slots: Slots): Promise<FakeEngine> {
  return FakeEngine.start({}, undefined, async (hash, tree, blobs, begun) => {
    // The question for the compiler's version, which is another one in each link: a real answer.
    if (tree.files.size === 0) return runAction(tree, blobs, undefined)
    const answer = await slots.run({
      key: keyOf([hash]),
      requestBytes: [...tree.files.values()].reduce((sum, { length }) => sum + length, 0),
      isJob: true,
      compile: async () => pack(await runAction(tree, blobs, undefined), blobs),
      begun,
    })
    return unpack(answer, blobs)
  })
}

/** The result, then its outputs' bytes, in its order. */
function pack(result: re.ActionResult, blobs: ReadonlyMap<string, Buffer>): Buffer {
  const message = Buffer.from(re.ActionResult.encode(result).finish())
  const head = Buffer.alloc(4)
  head.writeUInt32LE(message.length)
  return Buffer.concat([
    head,
    message,
    ...result.outputFiles.map(({ digest }) => blobs.get(digest?.hash ?? '') ?? Buffer.alloc(0)),
  ])
}

function unpack(answer: Buffer, blobs: Map<string, Buffer>): re.ActionResult {
  let at = 4 + answer.readUInt32LE(0)
  const result = re.ActionResult.decode(answer.subarray(4, at))
  for (const { digest } of result.outputFiles) {
    const end = at + (digest?.sizeBytes ?? 0)
    blobs.set(digest?.hash ?? '', answer.subarray(at, end))
    at = end
  }
  return result
}
