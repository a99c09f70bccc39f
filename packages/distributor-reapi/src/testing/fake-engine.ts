/**
 * An engine of the Remote Execution API for what real ones at hand do not do, or not when a test wants it: it loses blobs, cuts streams, refuses and lies as it is told.
 * What it executes it really runs, on this machine, in a directory with the action's inputs.
 */
import { execFile } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import {
  Metadata,
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
import { PreconditionFailure, RetryInfo } from '../generated/google/rpc/error_details.js'
import { Status } from '../generated/google/rpc/status.js'
import { encodeMessage } from '../grpc/methods.js'
import { digestOf } from '../blob.js'

type Codec<T> = Pick<re.MessageFns<T>, 'encode' | 'decode'>

/** How it tells that inputs are missing. */
export type Dialect = 'details' | 'precondition' | 'internal'

/** Numbers are how many times it does so. */
export interface Faults {
  /** Execute never looks into the action cache, and always executes. */
  ignoresCache?: boolean
  /** Before the first execution of an action all blobs are lost. */
  losesInputs?: { times: number; dialect: Dialect }
  /** The stream of an execution is cut when it has begun. */
  cutsStreams?: number
  /** It has forgotten operations that somebody waits for. */
  forgetsOperations?: number
  /** Refuses an execution with UNAVAILABLE, and asks for this much patience. */
  asksForPatience?: { times: number; ms: number }
  /** Refuses an execution with RESOURCE_EXHAUSTED. */
  isExhausted?: number
  /** Takes no batches, in neither direction. */
  refusesBatches?: boolean
  /** Says nothing to a batch's blobs. */
  forgetsBatches?: boolean
  /** The outputs of an execution are lost before somebody reads them. */
  losesOutputs?: number
  /** Results in the action cache are failures, unless it is told not to look there. */
  cachesFailures?: boolean
  /** Reads give other bytes than were stored. */
  lies?: boolean
  /** Look-ups and reads that never end. */
  isSilent?: boolean
  /** Every call needs this in its header `authorization`. */
  token?: string
  /** Clients may put nothing into the action cache: it says so when it is asked what it can, when it is given something, or by never answering. */
  refusesResults?: 'announced' | 'denied' | 'silent'
  /** Capabilities without execution. */
  executesNothing?: boolean
  /** Actions wait for this before they are executed. */
  queue?: Promise<void>
  /** Nobody has the properties that actions ask for. */
  hasNoWorker?: boolean
  /** Exit code of every execution. */
  exitCode?: number
  /** Shuts the server's connections after an execution has begun: GOAWAY. */
  goesAway?: number
}

export interface Counts {
  readonly calls: Map<string, number>
  uploadedBytes: number
  executions: number
  cancelled: number
  streamsAtOnce: number
  readonly invocations: Set<string>
}

/** PEM. */
export interface Tls {
  readonly ca: Buffer
  readonly key: Buffer
  readonly certificate: Buffer
}

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
    executions: 0,
    cancelled: 0,
    streamsAtOnce: 0,
    invocations: new Set(),
  }
  faults: Faults
  onExecuted: () => void = () => undefined
  readonly #pending = new Map<string, Pending>()
  readonly #hasLostFor = new Set<string>()
  readonly #running = new Map<string, Promise<re.ExecuteResponse>>()
  readonly #tls: Tls | undefined
  #server = new Server()
  #port = 0
  #streams = 0

  private constructor(faults: Faults, tls: Tls | undefined) {
    this.faults = faults
    this.#tls = tls
  }

  /** With `tls` it wants a certificate of its clients, too. */
  static async start(faults: Faults = {}, tls?: Tls): Promise<FakeEngine> {
    const engine = new FakeEngine(faults, tls)
    await engine.#listen()
    return engine
  }

  get address(): string {
    return `${this.#tls ? 'grpcs' : 'grpc'}://127.0.0.1:${this.#port}`
  }

  stop(): void {
    this.#server.forceShutdown()
  }

  /** A real restart, at the same port: what is stored stays. */
  async restart(): Promise<void> {
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
      add(server, path, request, answer, 'unary', (call: ServerUnaryCall<Q, A>, callback: Callback<A>) => {
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
      async ({ digests }) => {
        if (this.faults.refusesBatches) throw failure(status.RESOURCE_EXHAUSTED, 'no batches')
        if (this.faults.isSilent) await new Promise(() => undefined)
        return {
          responses: digests.map((digest) => ({
            digest,
            data: this.#read(digest.hash) ?? Buffer.alloc(0),
            compressor: re.Compressor_Value.IDENTITY,
            status: { code: this.blobs.has(digest.hash) ? 0 : status.NOT_FOUND, message: '', details: [] },
          })),
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
      add(server, path, request, answer, 'serverStream', (call: ServerWritableStream<Q, A>) => {
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
      const data = this.#read(/blobs\/([0-9a-f]{64})\//.exec(call.request.resourceName)?.[1] ?? '')
      if (data === undefined) throw failure(status.NOT_FOUND, 'no such blob')
      for (let at = 0; at < data.length; at += 65536) call.write({ data: data.subarray(at, at + 65536) })
    })
    const path = '/google.bytestream.ByteStream/Write'
    type WriteCall = ServerReadableStream<bytestream.WriteRequest, bytestream.WriteResponse>
    add(
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
            if (!this.#store(/blobs\/([0-9a-f]{64})\//.exec(name)?.[1] ?? '', bytes))
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

  async #guarded<T>(name: string, metadata: Metadata, handle: () => T | Promise<T>): Promise<T> {
    this.counts.calls.set(name, this.count(name) + 1)
    const [bytes] = metadata.get('build.bazel.remote.execution.v2.requestmetadata-bin')
    if (Buffer.isBuffer(bytes)) this.counts.invocations.add(re.RequestMetadata.decode(bytes).toolInvocationId)
    const { token } = this.faults
    if (token !== undefined && metadata.get('authorization')[0] !== token)
      throw failure(status.UNAUTHENTICATED, 'who is that?')
    return await handle()
  }

  #capabilities(): re.ServerCapabilities {
    return re.ServerCapabilities.fromPartial({
      cacheCapabilities: {
        digestFunctions: [re.DigestFunction_Value.SHA256],
        actionCacheUpdateCapabilities: { updateEnabled: this.faults.refusesResults !== 'announced' },
      },
      executionCapabilities: {
        digestFunction: re.DigestFunction_Value.SHA256,
        execEnabled: this.faults.executesNothing !== true,
      },
      lowApiVersion: { major: 2 },
      highApiVersion: { major: 2, minor: 3 },
    })
  }

  #batchUpdate(requests: readonly re.BatchUpdateBlobsRequest_Request[]): re.BatchUpdateBlobsResponse {
    if (this.faults.refusesBatches) throw failure(status.RESOURCE_EXHAUSTED, 'no batches')
    if (this.faults.forgetsBatches) return { responses: [] }
    return {
      responses: requests.map(({ digest, data }) => {
        const isGood = this.#store(digest?.hash ?? '', data)
        return { digest, status: { code: isGood ? 0 : status.INVALID_ARGUMENT, message: '', details: [] } }
      }),
    }
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
    if (this.#takes('isExhausted')) throw failure(status.RESOURCE_EXHAUSTED, 'quota')
    if (patience && patience.times > 0) {
      this.faults = { ...this.faults, asksForPatience: { ...patience, times: patience.times - 1 } }
      const detail = { retryDelay: { seconds: 0, nanos: patience.ms * 1e6 } }
      throw failure(status.UNAVAILABLE, 'busy', [any('RetryInfo', RetryInfo, detail)])
    }
    if (loses && loses.times > 0 && !this.#hasLostFor.has(hash)) {
      this.#hasLostFor.add(hash)
      this.faults = { ...this.faults, losesInputs: { ...loses, times: loses.times - 1 } }
      this.blobs.clear()
    }
    const operation: Operation = { name: randomUUID(), done: false, metadata: stage(re.ExecutionStage_Value.QUEUED) }
    const done = this.#merged(hash, skipCacheLookup).then((response) => ({
      ...operation,
      done: true,
      response: any('', re.ExecuteResponse, response, 'build.bazel.remote.execution.v2.ExecuteResponse'),
    }))
    done.catch(() => undefined)
    this.#pending.set(operation.name, { operation, done })
    call.write(operation)
    await this.faults.queue
    call.write({ ...operation, metadata: stage(re.ExecutionStage_Value.EXECUTING) })
    if (this.#takes('goesAway')) this.#server.drain(`127.0.0.1:${this.#port}`, 50)
    if (this.#takes('cutsStreams')) throw failure(status.UNAVAILABLE, 'cut')
    call.write(await done)
  }

  /** The same action twice at the same time is executed once, as with Buildbarn. */
  #merged(hash: string, skipCacheLookup: boolean): Promise<re.ExecuteResponse> {
    const running = this.#running.get(hash)
    if (running !== undefined) return running
    const result = this.#result(hash, skipCacheLookup).finally(() => this.#running.delete(hash))
    this.#running.set(hash, result)
    return result
  }

  async #result(hash: string, skipCacheLookup: boolean): Promise<re.ExecuteResponse> {
    const cached = this.results.get(hash)
    if (cached && !skipCacheLookup && !this.faults.ignoresCache) {
      const result = this.faults.cachesFailures ? { ...cached, exitCode: 1 } : cached
      return re.ExecuteResponse.fromPartial({ result, cachedResult: true })
    }
    await this.faults.queue
    const missing: string[] = []
    const tree = this.#tree(hash, missing)
    if (tree === undefined) return re.ExecuteResponse.fromPartial({ status: this.#missing(missing) })
    const result = await this.#run(tree)
    if (result.exitCode === 0) this.results.set(hash, result)
    this.onExecuted()
    if (this.#takes('losesOutputs')) for (const { digest } of result.outputFiles) this.blobs.delete(digest?.hash ?? '')
    return re.ExecuteResponse.fromPartial({ result })
  }

  #missing(hashes: readonly string[]): Status {
    const dialect = this.faults.losesInputs?.dialect ?? 'details'
    if (dialect === 'internal') return { code: status.INTERNAL, message: 'could not fetch inputs', details: [] }
    const violations = hashes.map((hash) => ({ type: 'MISSING', subject: `blobs/${hash}/1`, description: '' }))
    const details = dialect === 'details' ? [any('PreconditionFailure', PreconditionFailure, { violations })] : []
    return { code: status.FAILED_PRECONDITION, message: 'inputs are missing', details }
  }

  /** The command and the files of an action; undefined if blobs are `missing`. */
  #tree(hash: string, missing: string[]): Tree | undefined {
    const get = (digest: re.Digest | undefined): Buffer => {
      const wanted = digest?.hash ?? ''
      const bytes = digest?.sizeBytes === 0 ? Buffer.alloc(0) : this.blobs.get(wanted)
      if (bytes === undefined) missing.push(wanted)
      return bytes ?? Buffer.alloc(0)
    }
    const action = re.Action.decode(get({ hash, sizeBytes: 1 }))
    if (missing.length > 0) return undefined
    const command = re.Command.decode(get(action.commandDigest))
    const files = new Map<string, Buffer>()
    const walk = (digest: re.Digest | undefined, prefix: string): void => {
      const { files: nodes, directories } = re.Directory.decode(get(digest))
      for (const { name, digest: of } of nodes) files.set(prefix + name, get(of))
      for (const { name, digest: of } of directories) walk(of, `${prefix}${name}/`)
    }
    walk(action.inputRootDigest, '')
    return missing.length > 0 ? undefined : { command, files }
  }

  async #run({ command, files }: Tree): Promise<re.ActionResult> {
    const cwd = mkdtempSync(join(tmpdir(), 'dtlto-fake-engine-'))
    try {
      this.counts.executions++
      for (const [name, bytes] of files) {
        mkdirSync(dirname(join(cwd, name)), { recursive: true })
        writeFileSync(join(cwd, name), bytes, { mode: 0o755 })
      }
      for (const path of command.outputPaths) mkdirSync(dirname(join(cwd, path)), { recursive: true })
      const env = Object.fromEntries(command.environmentVariables.map(({ name, value }) => [name, value]))
      const [program = '', ...args] = command.arguments
      const startMs = Date.now()
      const ran = await new Promise<{ exitCode: number; stdout: string; stderr: string }>((resolve) => {
        execFile(program, args, { cwd, env }, (error, stdout, stderr) => {
          const { code = 0 } = (error ?? {}) as { code?: number | string }
          resolve({ exitCode: typeof code === 'number' ? code : 127, stdout, stderr })
        })
      })
      const outputFiles = command.outputPaths.flatMap((path) => {
        try {
          const bytes = readFileSync(join(cwd, path))
          const digest = digestOf(bytes)
          this.blobs.set(digest.hash, bytes)
          return [{ path, digest }]
        } catch {
          return []
        }
      })
      return re.ActionResult.fromPartial({
        outputFiles,
        exitCode: this.faults.exitCode ?? ran.exitCode,
        stdoutRaw: Buffer.from(ran.stdout),
        stderrRaw: Buffer.from(ran.stderr),
        executionMetadata: {
          worker: 'fake-1',
          inputFetchStartTimestamp: new Date(startMs - 7),
          inputFetchCompletedTimestamp: new Date(startMs - 2),
          outputUploadStartTimestamp: new Date(startMs),
          outputUploadCompletedTimestamp: new Date(startMs + 3),
          executionStartTimestamp: new Date(startMs),
          executionCompletedTimestamp: new Date(),
        },
      })
    } finally {
      rmSync(cwd, { recursive: true })
    }
  }
}

interface Tree {
  readonly command: re.Command
  readonly files: ReadonlyMap<string, Buffer>
}

type Callback<A> = (error: ServerErrorResponse | null, answer?: A) => void

type AnyHandler = (call: never, callback: never) => void

function add<Q, A>(
  server: Server,
  path: string,
  request: Codec<Q>,
  answer: Codec<A>,
  kind: 'unary' | 'serverStream' | 'clientStream',
  handler: AnyHandler,
): void {
  server.addService(
    {
      method: {
        path,
        requestStream: kind === 'clientStream',
        responseStream: kind === 'serverStream',
        requestSerialize: (message: Q) => encodeMessage(request, message),
        requestDeserialize: (bytes: Buffer) => request.decode(bytes),
        responseSerialize: (message: A) => encodeMessage(answer, message),
        responseDeserialize: (bytes: Buffer) => answer.decode(bytes),
      },
    },
    { method: handler as never },
  )
}

function stage(value: re.ExecutionStage_Value): Operation['metadata'] {
  const metadata = re.ExecuteOperationMetadata.fromPartial({ stage: value })
  return any('', re.ExecuteOperationMetadata, metadata, 'build.bazel.remote.execution.v2.ExecuteOperationMetadata')
}

function any<T>(
  name: string,
  codec: Codec<T>,
  message: T,
  type = `google.rpc.${name}`,
): { typeUrl: string; value: Buffer } {
  return { typeUrl: `type.googleapis.com/${type}`, value: encodeMessage(codec, message) }
}

function failure(code: status, details: string, more: Status['details'] = []): ServerErrorResponse {
  const metadata = new Metadata()
  if (more.length > 0)
    metadata.set('grpc-status-details-bin', encodeMessage(Status, { code, message: details, details: more }))
  return { name: 'Error', message: details, code, details, metadata }
}
