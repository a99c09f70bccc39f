/**
 * Calls to one server, over as many connections as it takes.
 *
 * The library is @grpc/grpc-js: its connections come back by themselves after a GOAWAY or a restart of the server, are kept alive, check certificates,
 * and take the proxies of the environment. Messages are encoded by ts-proto's codecs, which know no descriptors: 13 ms less to load.
 */
import {
  type ChannelCredentials,
  Client,
  type ClientOptions,
  logVerbosity,
  Metadata,
  type ServiceError,
  setLogVerbosity,
} from '@grpc/grpc-js'
import { onAbort, takeTurn } from 'dtlto/plugin'
import type { Headers, HeaderSource } from './header-source.js'
import type { Method } from './methods.js'
import { CODE, RpcError } from './status.js'

/** Servers and proxies commonly allow 100 calls a connection; a call beyond waits without anybody knowing. */
const CALLS_A_CONNECTION = 90
const MOST_CONNECTIONS = 16
/** The largest message that is read: the limit of batches, and chunks of streams, are below it with all servers. */
const MESSAGE_BYTES = 64 * 1024 ** 2

/**
 * What a server may send before we have said that we took it, on a connection and in each call. HTTP/2's default of 64 KiB is what a connection then carries in a round
 * trip: 3 MB a second where that takes 20 ms, however fast the line is. This fills a gigabit line of 60 ms.
 */
const WINDOW_BYTES = 8 * 1024 ** 2

const OPTIONS: ClientOptions = {
  'grpc-node.flow_control_window': WINDOW_BYTES,
  'grpc.max_receive_message_length': MESSAGE_BYTES,
  'grpc.max_send_message_length': -1,
  // Retrying is the business of retry.ts, which knows what may be repeated.
  'grpc.enable_retries': 0,
  // Each client is a connection of its own.
  'grpc.use_local_subchannel_pool': 1,
  // Servers of gRPC's C library call it an attack when it is more often than every 5 minutes, and end the connection after three of them; the library then waits longer.
  'grpc.keepalive_time_ms': 60_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
  // Figures of each call for a service of which there is none here.
  'grpc.enable_channelz': 0,
  'grpc.primary_user_agent': 'dtlto',
}

// The library prints what happens to connections, on the linker's stderr. Calls fail with all that there is to say.
if (process.env['GRPC_VERBOSITY'] === undefined && process.env['GRPC_NODE_VERBOSITY'] === undefined)
  setLogVerbosity(logVerbosity.NONE)

export interface CallOptions {
  readonly signal: AbortSignal
  /** None for streams that wait for somebody else's work. */
  readonly timeoutMs?: number
  /** Who comes first where many calls wait: the highest. Default: before all. */
  readonly precedence?: number
  /** Beside those of the channel. */
  readonly headers?: Readonly<Record<string, string | Buffer>>
}

interface Connection {
  readonly client: Client
  calls: number
}

export class Channel {
  /** HOST:PORT */
  readonly target: string
  readonly #credentials: ChannelCredentials
  readonly #headers: HeaderSource
  readonly #options: ClientOptions
  readonly #connections: Connection[] = []
  #isClosed = false

  constructor(target: string, credentials: ChannelCredentials, headers: HeaderSource, options: ClientOptions = {}) {
    this.target = target
    this.#credentials = credentials
    this.#headers = headers
    this.#options = { ...OPTIONS, ...options }
  }

  /** Rejects with RpcError, like the others. */
  unary<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    options: CallOptions,
  ): Promise<Response> {
    return this.#withHeaders(options, (metadata, connection) => {
      return new Promise((resolve, reject) => {
        const call = connection.client.makeUnaryRequest(
          method.path,
          method.encode,
          method.decode,
          request,
          metadata,
          deadline(options),
          (error, response) => {
            if (error) reject(asRpcError(error))
            else if (response === undefined) reject(new RpcError(CODE.INTERNAL, 'an answer without a message'))
            else resolve(response)
          },
        )
        cancelWith(options.signal, call)
      })
    })
  }

  /** Resolves when the server has ended the stream well. What `onMessage` throws ends the call. */
  serverStream<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    options: CallOptions,
    onMessage: (message: Response) => void,
  ): Promise<void> {
    return this.#withHeaders(options, (metadata, connection) => {
      return new Promise((resolve, reject) => {
        const call = connection.client.makeServerStreamRequest(
          method.path,
          method.encode,
          method.decode,
          request,
          metadata,
          deadline(options),
        )
        call.on('data', (message: Response) => {
          try {
            onMessage(message)
          } catch (error) {
            reject(asError(error))
            call.cancel()
          }
        })
        call.on('error', (error) => {
          reject(asRpcError(error as ServiceError))
        })
        call.on('end', resolve)
        cancelWith(options.signal, call)
      })
    })
  }

  /**
   * Sends `requests` as fast as they are taken. A server may answer before it has read them all: then the others are not sent. Called again where the call is made once more, with
   * fresh headers.
   */
  clientStream<Request, Response>(
    method: Method<Request, Response>,
    requests: () => AsyncIterable<Request>,
    options: CallOptions,
  ): Promise<Response> {
    return this.#withHeaders(options, (metadata, connection) => {
      return new Promise((resolve, reject) => {
        let isOver = false
        let wake: (() => void) | undefined
        const over = (): void => {
          isOver = true
          wake?.()
        }
        const call = connection.client.makeClientStreamRequest(
          method.path,
          method.encode,
          method.decode,
          metadata,
          deadline(options),
          (error, response) => {
            over()
            if (error) reject(asRpcError(error))
            else if (response === undefined) reject(new RpcError(CODE.INTERNAL, 'an answer without a message'))
            else resolve(response)
          },
        )
        call.on('error', over)
        call.on('drain', () => wake?.())
        cancelWith(options.signal, call)
        const send = async (): Promise<void> => {
          for await (const request of requests()) {
            if (isOver) return
            if (!call.write(request)) await new Promise<void>((resume) => (wake = resume))
          }
          if (!isOver) call.end()
        }
        send().catch((error: unknown) => {
          reject(asError(error))
          call.cancel()
        })
      })
    })
  }

  close(): void {
    this.#isClosed = true
    for (const { client } of this.#connections.splice(0)) client.close()
  }

  /** Makes the call, with fresh headers once more if the server does not know who we are: tokens end in the middle of links. */
  async #withHeaders<T>(
    { headers, signal, precedence }: CallOptions,
    call: (metadata: Metadata, connection: Connection) => Promise<T>,
  ): Promise<T> {
    for (let refused: Headers | undefined; ; ) {
      const metadata = new Metadata()
      const own = await this.#headers(refused)
      // The library takes half a millisecond for each call.
      await takeTurn(precedence)
      for (const [name, value] of Object.entries({ ...own, ...headers })) {
        metadata.set(name, value)
      }
      if (signal.aborted || this.#isClosed) throw new RpcError(CODE.CANCELLED, 'the call is not wanted any more')
      const connection = this.#connection()
      connection.calls++
      try {
        return await withoutStackTrace(() => call(metadata, connection))
      } catch (error) {
        if (!(error instanceof RpcError) || error.code !== CODE.UNAUTHENTICATED || refused !== undefined) throw error
        refused = own
      } finally {
        connection.calls--
      }
    }
  }

  #connection(): Connection {
    const quietest = this.#connections.reduce<Connection | undefined>(
      (best, each) => (best === undefined || each.calls < best.calls ? each : best),
      undefined,
    )
    if (quietest && (quietest.calls < CALLS_A_CONNECTION || this.#connections.length >= MOST_CONNECTIONS))
      return quietest
    const client = new Client(this.target, this.#credentials, this.#options)
    const connection = { client, calls: 0 }
    this.#connections.push(connection)
    return connection
  }
}

/** The library takes note of the stack at each call, for errors of which nobody prints the stack. */
function withoutStackTrace<T>(start: () => T): T {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    return start()
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

function deadline({ timeoutMs }: CallOptions): { deadline?: number } {
  return timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs }
}

function cancelWith(
  signal: AbortSignal,
  call: { cancel(): void; once(event: 'status', listener: () => void): unknown },
): void {
  call.once(
    'status',
    onAbort(signal, () => call.cancel()),
  )
}

function asRpcError({ code, details, metadata }: ServiceError): RpcError {
  const bytes = metadata.get('grpc-status-details-bin')[0]
  return RpcError.ofTrailers(code, details, Buffer.isBuffer(bytes) ? bytes : undefined)
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new RpcError(CODE.INTERNAL, String(error))
}
