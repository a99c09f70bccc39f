/**
 * An engine of the Remote Execution API for what real ones at hand do not do, or not when a test wants it: it loses blobs, cuts streams, refuses and lies as it is told.
 * What it executes it really runs, on this machine, in a directory with the action's inputs.
 */
import { spawnSync } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import {
  type Metadata,
  Server,
  ServerCredentials,
  type ServerErrorResponse,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  status,
} from '@grpc/grpc-js'
import * as re from '../generated/build/bazel/remote/execution/v2/remote_execution.js'
import * as bytestream from '../generated/google/bytestream/bytestream.js'
import { CancelOperationRequest, Operation } from '../generated/google/longrunning/operations.js'
import { Empty } from '../generated/google/protobuf/empty.js'
import { PreconditionFailure } from '../generated/google/rpc/error_details.js'
import { type Status } from '../generated/google/rpc/status.js'
import { encodeMessage } from '../grpc/methods.js'
import type { Faults } from './fake-faults.js'
import { any, type Codec, failure, patienceOf, stage } from './fake-messages.js'
import { runAction, type Tree, treeOf } from './run-action.js'

export type { Faults } from './fake-faults.js'

/** How long those are to wait who have used up their quota. */
const QUOTA_MS = 50

export interface Counts {
  readonly calls: Map<string, number>
  uploadedBytes: number
  /** Blobs that came and went compressed. */
  compressed: { in: number; out: number }
  executions: number
  cancelled: number
  refusedTokens: number
  streamsAtOnce: number
  readonly invocations: Set<string>
}

/** PEM. */
export interface Tls {
  readonly ca: Buffer
  readonly key: Buffer
  readonly certificate: Buffer
}

/**
 * What executes actions: `hash` is the action's. Outputs go to `blobs`; `begun` is to be called when the action has left the queue. Default: they are
 * really run, at once.
 */
export type Executor = (
  hash: string,
  tree: Tree,
  blobs: Map<string, Buffer>,
  begun: () => void,
) => Promise<re.ActionResult>

interface Pending {
  readonly operation: Operation
  readonly done: Promise<Operation>
}

export class FakeEngine {
  readonly blobs = new Map<string, Buffer>()
  readonly results = new Map<string, re.ActionResult>()
  readonly counts: Counts = {
    calls: new Map(),
    uploadedBytes: 0,
    compressed: { in: 0, out: 0 },
    executions: 0,
    cancelled: 0,
    refusedTokens: 0,
    streamsAtOnce: 0,
    invocations: new Set(),
  }
  faults: Faults
  onExecuted: () => void = () => undefined
  readonly #pending = new Map<string, Pending>()
  readonly #hasLostFor = new Set<string>()
  readonly #running = new Map<string, Promise<re.ExecuteResponse>>()
  readonly #executor: Executor
  #tls: Tls | undefined
  #server = new Server()
  #port = 0
  #streams = 0

  private constructor(faults: Faults, tls: Tls | undefined, executor: Executor | undefined) {
    this.faults = faults
    this.#tls = tls
    this.#executor = executor ?? this.#runHere
  }

  /** With `tls` it wants a certificate of its clients, too. */
  static async start(faults: Faults = {}, tls?: Tls, executor?: Executor): Promise<FakeEngine> {
    const engine = new FakeEngine(faults, tls, executor)
    await engine.#listen()
    return engine
  }

  get address(): string {
    return `${this.#tls ? 'grpcs' : 'grpc'}://127.0.0.1:${this.#port}`
  }

  stop(): void {
    this.#server.forceShutdown()
  }

  /** A real restart, at the same port: what is stored stays. `tls`: with another certificate. */
  async restart(tls = this.#tls): Promise<void> {
    this.#tls = tls
    this.#server.forceShutdown()
    await this.#listen()
  }

  count(method: string): number {
    return this.counts.calls.get(method) ?? 0
  }

  async #listen(): Promise<void> {
    this.#server = new Server({
      'grpc.max_receive_message_length': 4 * 1024 ** 2,
      'grpc.max_concurrent_streams': 100,
    })
    this.#addServices(this.#server)
    this.#port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(`127.0.0.1:${this.#port}`, this.#credentials(), (error, port) =>
        error ? reject(error) : resolve(port),
      )
    })
  }

  #credentials(): ServerCredentials {
    if (this.#tls === undefined) return ServerCredentials.createInsecure()
    const { ca, key, certificate } = this.#tls
    return ServerCredentials.createSsl(ca, [{ private_key: key, cert_chain: certificate }], true)
  }

  #addServices(server: Server): void {
    const V2 = 'build.bazel.remote.execution.v2'
    const unary = <Q, A>(path: string, request: Codec<Q>, answer: Codec<A>, handle: (request: Q) => A | Promise<A>) => {
      const name = path.split('/')[2] ?? ''
      this.#add(server, path, request, answer, 'unary', (call: ServerUnaryCall<Q, A>, callback: Callback<A>) => {
        void this.#guarded(name, call.metadata, () => handle(call.request)).then(
          (message) => callback(null, message),
          (error: unknown) => callback(error as ServerErrorResponse),
        )
      })
    }
    unary(`/${V2}.Capabilities/GetCapabilities`, re.GetCapabilitiesRequest, re.ServerCapabilities, () =>
      this.#capabilities(),
    )
    unary(
      `/${V2}.ActionCache/GetActionResult`,
      re.GetActionResultRequest,
      re.ActionResult,
      async ({ actionDigest }) => {
        if (this.faults.isSilent) await new Promise(() => undefined)
        const result = this.results.get(actionDigest?.hash ?? '')
        if (result === undefined) throw failure(status.NOT_FOUND, 'no such result')
        return this.faults.cachesFailures ? { ...result, exitCode: 1 } : result
      },
    )
    unary(`/${V2}.ActionCache/UpdateActionResult`, re.UpdateActionResultRequest, re.ActionResult, async (request) => {
      if (this.faults.refusesResults === 'silent') await new Promise(() => undefined)
      if (this.faults.refusesResults !== undefined) throw failure(status.PERMISSION_DENIED, 'readers only')
      const result = request.actionResult ?? re.ActionResult.fromPartial({})
      this.results.set(request.actionDigest?.hash ?? '', result)
      return result
    })
    unary(
      `/${V2}.ContentAddressableStorage/FindMissingBlobs`,
      re.FindMissingBlobsRequest,
      re.FindMissingBlobsResponse,
      ({ blobDigests }) => ({ missingBlobDigests: blobDigests.filter(({ hash }) => !this.blobs.has(hash)) }),
    )
    unary(
      `/${V2}.ContentAddressableStorage/BatchUpdateBlobs`,
      re.BatchUpdateBlobsRequest,
      re.BatchUpdateBlobsResponse,
      ({ requests }) => this.#batchUpdate(requests),
    )
    unary(
      `/${V2}.ContentAddressableStorage/BatchReadBlobs`,
      re.BatchReadBlobsRequest,
      re.BatchReadBlobsResponse,
      async ({ digests, acceptableCompressors }) => {
        if (this.faults.refusesBatches) throw failure(status.RESOURCE_EXHAUSTED, 'no batches')
        if (this.faults.isSilent) await new Promise(() => undefined)
        if (this.faults.forgetsBatches) return { responses: [] }
        const isCompressed = this.#hasZstd && acceptableCompressors.includes(re.Compressor_Value.ZSTD)
        return {
          responses: digests.map((digest) => {
            const data = this.#read(digest.hash)
            const code = data === undefined ? status.NOT_FOUND : 0
            return {
              digest,
              data: data === undefined ? Buffer.alloc(0) : isCompressed ? this.#compressed(data) : data,
              compressor: isCompressed ? re.Compressor_Value.ZSTD : re.Compressor_Value.IDENTITY,
              status: { code, message: '', details: [] },
            }
          }),
        }
      },
    )
    unary('/google.longrunning.Operations/CancelOperation', CancelOperationRequest, Empty, () => {
      this.counts.cancelled++
      return {}
    })
    this.#addStreams(server, V2)
  }

  #addStreams(server: Server, V2: string): void {
    const stream = <Q, A>(
      path: string,
      request: Codec<Q>,
      answer: Codec<A>,
      handle: (call: ServerWritableStream<Q, A>) => Promise<void>,
    ) => {
      const name = path.split('/')[2] ?? ''
      this.#add(server, path, request, answer, 'serverStream', (call: ServerWritableStream<Q, A>) => {
        this.counts.streamsAtOnce = Math.max(this.counts.streamsAtOnce, ++this.#streams)
        call.on('error', () => undefined)
        this.#guarded(name, call.metadata, () => handle(call))
          .then(
            () => call.end(),
            (error: unknown) => call.emit('error', error),
          )
          .finally(() => this.#streams--)
      })
    }
    stream(`/${V2}.Execution/Execute`, re.ExecuteRequest, Operation, (call) => this.#execute(call))
    stream(`/${V2}.Execution/WaitExecution`, re.WaitExecutionRequest, Operation, async (call) => {
      const pending = this.#pending.get(call.request.name)
      if (pending === undefined || this.#takes('forgetsOperations'))
        throw failure(status.NOT_FOUND, 'no such operation')
      call.write(pending.operation)
      call.write(await pending.done)
    })
    stream('/google.bytestream.ByteStream/Read', bytestream.ReadRequest, bytestream.ReadResponse, async (call) => {
      if (this.faults.isSilent) await new Promise(() => undefined)
      const [hash, isCompressed] = this.#parseName(call.request.resourceName)
      const plain = this.#read(hash)
      if (plain === undefined) throw failure(status.NOT_FOUND, 'no such blob')
      const data = isCompressed ? this.#compressed(plain) : plain
      for (let at = 0; at < data.length; at += 65536) call.write({ data: data.subarray(at, at + 65536) })
    })
    const path = '/google.bytestream.ByteStream/Write'
    type WriteCall = ServerReadableStream<bytestream.WriteRequest, bytestream.WriteResponse>
    this.#add(
      server,
      path,
      bytestream.WriteRequest,
      bytestream.WriteResponse,
      'clientStream',
      (call: WriteCall, callback: Callback<bytestream.WriteResponse>) => {
        const parts: Buffer[] = []
        let name = ''
        call.on('data', ({ resourceName, data }: bytestream.WriteRequest) => {
          name ||= resourceName
          parts.push(data)
        })
        call.on('error', () => undefined)
        call.on('end', () => {
          this.#guarded('Write', call.metadata, () => {
            const bytes = Buffer.concat(parts)
            const [hash, isCompressed] = this.#parseName(name)
            if (!this.#store(hash, isCompressed ? this.#decompressed(bytes) : bytes))
              throw failure(status.INVALID_ARGUMENT, 'another digest')
            return { committedSize: bytes.length }
          }).then(
            (answer) => callback(null, answer),
            (error: unknown) => callback(error as ServerErrorResponse),
          )
        })
      },
    )
  }

  #add<Q, A>(
    server: Server,
    path: string,
    request: Codec<Q>,
    answer: Codec<A>,
    kind: 'unary' | 'serverStream' | 'clientStream',
    handler: AnyHandler,
  ): void {
    const definition = {
      path,
      requestStream: kind === 'clientStream',
      responseStream: kind === 'serverStream',
      requestSerialize: (message: Q) => encodeMessage(request, message),
      requestDeserialize: (bytes: Buffer) => request.decode(bytes),
      responseSerialize: (message: A) => {
        const bytes = encodeMessage(answer, message)
        return this.faults.damages?.(bytes) ?? bytes
      },
      responseDeserialize: (bytes: Buffer) => answer.decode(bytes),
    }
    server.addService({ method: definition }, { method: handler as never })
  }

  async #guarded<T>(name: string, metadata: Metadata, handle: () => T | Promise<T>): Promise<T> {
    this.counts.calls.set(name, this.count(name) + 1)
    const [bytes] = metadata.get('build.bazel.remote.execution.v2.requestmetadata-bin')
    if (Buffer.isBuffer(bytes)) this.counts.invocations.add(re.RequestMetadata.decode(bytes).toolInvocationId)
    const { token } = this.faults
    if (token !== undefined && metadata.get('authorization')[0] !== token) {
      this.counts.refusedTokens++
      throw failure(status.UNAUTHENTICATED, 'who is that?')
    }
    return await handle()
  }

  #capabilities(): re.ServerCapabilities {
    return re.ServerCapabilities.fromPartial({
      cacheCapabilities: {
        digestFunctions: [re.DigestFunction_Value.SHA256],
        supportedCompressors: this.faults.zstd === undefined ? [] : [re.Compressor_Value.ZSTD],
        supportedBatchUpdateCompressors: this.faults.zstd === 'all' ? [re.Compressor_Value.ZSTD] : [],
        actionCacheUpdateCapabilities: { updateEnabled: this.faults.refusesResults !== 'announced' },
      },
      executionCapabilities: {
        digestFunction: re.DigestFunction_Value.SHA256,
        execEnabled: this.faults.executesNothing !== true,
      },
      lowApiVersion: { major: 2 },
      highApiVersion: { major: 2, minor: this.faults.minorVersion ?? 3 },
    })
  }

  #batchUpdate(requests: readonly re.BatchUpdateBlobsRequest_Request[]): re.BatchUpdateBlobsResponse {
    if (this.faults.refusesBatches) throw failure(status.RESOURCE_EXHAUSTED, 'no batches')
    if (this.faults.forgetsBatches) return { responses: [] }
    return {
      responses: requests.map(({ digest, data, compressor }) => {
        const isCompressed = compressor === re.Compressor_Value.ZSTD
        const isGood = this.#store(digest?.hash ?? '', isCompressed ? this.#decompressed(data) : data)
        return { digest, status: { code: isGood ? 0 : status.INVALID_ARGUMENT, message: '', details: [] } }
      }),
    }
  }

  get #hasZstd(): boolean {
    return this.faults.zstd === 'streams' || this.faults.zstd === 'all'
  }

  /** The hash in a name of ByteStream, and whether it is that of a compressed form. */
  #parseName(name: string): readonly [hash: string, isCompressed: boolean] {
    const [, compressed, hash = ''] = /(compressed-)?blobs\/(?:zstd\/)?([0-9a-f]{64})\//.exec(name) ?? []
    if (compressed !== undefined && !this.#hasZstd) throw failure(status.INVALID_ARGUMENT, `'${name}'?`)
    return [hash, compressed !== undefined]
  }

  /** By another zstd than the client's: the program. */
  #compressed(bytes: Buffer): Buffer {
    this.counts.compressed.out++
    return piped(['-q', '-c'], bytes)
  }

  #decompressed(bytes: Buffer): Buffer {
    this.counts.compressed.in++
    return piped(['-q', '-d', '-c'], bytes)
  }

  #store(hash: string, bytes: Buffer): boolean {
    if (createHash('sha256').update(bytes).digest('hex') !== hash) return false
    this.counts.uploadedBytes += bytes.length
    this.blobs.set(hash, Buffer.from(bytes))
    return true
  }

  #read(hash: string): Buffer | undefined {
    const bytes = this.blobs.get(hash)
    if (bytes === undefined || !this.faults.lies || bytes.length === 0) return bytes
    const other = Buffer.from(bytes)
    other[other.length >> 1] = (other[other.length >> 1] as number) ^ 1
    return other
  }

  /** Whether a fault that happens some times happens now. */
  #takes(name: 'cutsStreams' | 'forgetsOperations' | 'isExhausted' | 'losesOutputs' | 'goesAway'): boolean {
    const left = this.faults[name] ?? 0
    if (left > 0) this.faults = { ...this.faults, [name]: left - 1 }
    return left > 0
  }

  async #execute(call: ServerWritableStream<re.ExecuteRequest, Operation>): Promise<void> {
    const { actionDigest, skipCacheLookup } = call.request
    const hash = actionDigest?.hash ?? ''
    const { asksForPatience: patience, losesInputs: loses } = this.faults
    if (this.faults.hasNoWorker) throw failure(status.FAILED_PRECONDITION, 'no worker has these properties')
    if (this.#takes('isExhausted')) throw failure(status.RESOURCE_EXHAUSTED, 'quota', [patienceOf(QUOTA_MS)])
    if (patience && patience.times > 0) {
      this.faults = { ...this.faults, asksForPatience: { ...patience, times: patience.times - 1 } }
      throw failure(status.UNAVAILABLE, 'busy', [patienceOf(patience.ms)])
    }
    if (loses && loses.times > 0 && !this.#hasLostFor.has(hash)) {
      this.#hasLostFor.add(hash)
      this.faults = { ...this.faults, losesInputs: { ...loses, times: loses.times - 1 } }
      this.blobs.clear()
    }
    const operation: Operation = { name: randomUUID(), done: false, metadata: stage(re.ExecutionStage_Value.QUEUED) }
    let begun: () => void = () => undefined
    const beginning = new Promise<void>((resolve) => (begun = resolve))
    const done = this.#merged(hash, skipCacheLookup, begun).then((response) => ({
      ...operation,
      done: true,
      response: any('', re.ExecuteResponse, response, 'build.bazel.remote.execution.v2.ExecuteResponse'),
    }))
    done.catch(() => undefined)
    this.#pending.set(operation.name, { operation, done })
    call.write(operation)
    await Promise.race([beginning, done])
    call.write({ ...operation, metadata: stage(re.ExecutionStage_Value.EXECUTING) })
    if (this.#takes('goesAway')) this.#server.drain(`127.0.0.1:${this.#port}`, 50)
    if (this.#takes('cutsStreams')) throw failure(status.UNAVAILABLE, 'cut')
    call.write(await done)
  }

  /** The same action twice at the same time is executed once, as with Buildbarn. */
  #merged(hash: string, skipCacheLookup: boolean, begun: () => void): Promise<re.ExecuteResponse> {
    const running = this.#running.get(hash)
    if (running !== undefined) return running
    const result = this.#result(hash, skipCacheLookup, begun).finally(() => this.#running.delete(hash))
    this.#running.set(hash, result)
    return result
  }

  async #result(hash: string, skipCacheLookup: boolean, begun: () => void): Promise<re.ExecuteResponse> {
    const cached = this.results.get(hash)
    if (cached && !skipCacheLookup && !this.faults.ignoresCache) {
      const result = this.faults.cachesFailures ? { ...cached, exitCode: 1 } : cached
      return re.ExecuteResponse.fromPartial({ result, cachedResult: true })
    }
    await this.faults.queue
    const missing: string[] = []
    const tree = treeOf(hash, this.blobs, missing)
    if (tree === undefined) return re.ExecuteResponse.fromPartial({ status: this.#missing(missing) })
    this.counts.executions++
    const result = await this.#executor(hash, tree, this.blobs, begun)
    const { doNotCache } = re.Action.decode(this.blobs.get(hash) ?? Buffer.alloc(0))
    if (result.exitCode === 0 && !doNotCache) this.results.set(hash, result)
    this.onExecuted()
    if (this.#takes('losesOutputs')) for (const { digest } of result.outputFiles) this.blobs.delete(digest?.hash ?? '')
    return re.ExecuteResponse.fromPartial({ result })
  }

  readonly #runHere: Executor = (_hash, tree, blobs, begun) => {
    begun()
    return runAction(tree, blobs, this.faults.exitCode)
  }

  #missing(hashes: readonly string[]): Status {
    const dialect = this.faults.losesInputs?.dialect ?? 'details'
    if (dialect === 'internal') return { code: status.INTERNAL, message: 'could not fetch inputs', details: [] }
    const violations = hashes.map((hash) => ({ type: 'MISSING', subject: `blobs/${hash}/1`, description: '' }))
    const details = dialect === 'details' ? [any('PreconditionFailure', PreconditionFailure, { violations })] : []
    return { code: status.FAILED_PRECONDITION, message: 'inputs are missing', details }
  }
}

function piped(args: readonly string[], input: Buffer): Buffer {
  const { status: exitCode, stdout } = spawnSync('zstd', args, { input, maxBuffer: 2 ** 30 })
  if (exitCode !== 0) throw failure(status.INVALID_ARGUMENT, 'no zstd')
  return stdout
}

type Callback<A> = (error: ServerErrorResponse | null, answer?: A) => void

type AnyHandler = (call: never, callback: never) => void
