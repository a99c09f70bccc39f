import { connect } from 'node:net'
import type { ByteBudget } from 'dtlto/plugin'
import { type Answer, AnswerError, type AnswerLimits, AnswerParser, answerLimits } from './answer.js'
import { type AnswerRoom, roomOfLink } from './rooms.js'

/** Why an exchange with a server did not give an answer. */
export type ExchangeFailure =
  /** No connection: nothing was sent. */
  | 'unreachable'
  /** The server closed without a byte of answer, after reading the request or (`reset`) without wanting to. */
  | 'hung-up'
  | 'reset'
  /** The answer ended in the middle. */
  | 'cut-off'
  /** What arrived is not an answer of the protocol. */
  | 'garbage'
  | 'deadline'
  | 'aborted'

export class ExchangeError extends Error {
  override readonly name = 'ExchangeError'
  readonly kind: ExchangeFailure
  constructor(kind: ExchangeFailure, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.kind = kind
  }
}

export interface ExchangeOptions {
  readonly host: string
  readonly port: number
  readonly request: readonly Uint8Array[]
  /** Called once, when nothing reads the request any more: it has been sent, or the connection is gone. */
  readonly onSent?: () => void
  readonly connectTimeoutMs: number
  /** For the exchange as a whole, connecting included. */
  readonly deadlineMs: number
  readonly signal: AbortSignal
  /** Default: those of a job without bitcode. */
  readonly limits?: AnswerLimits
  /** Shared with the other answers of the server and of the link. */
  readonly room?: AnswerRoom
  /** Milliseconds, monotonic. */
  readonly now: () => number
  /** Called once, when the connection is gone: only then is the server's slot free. */
  readonly onClosed?: () => void
}

export interface ExchangeResult {
  readonly answer: Answer
  readonly connectMs: number
  /** From being connected to the last byte being handed to the kernel. */
  readonly sendMs: number
  /** From then to the first byte of the answer. */
  readonly waitMs: number
  readonly receiveMs: number
  readonly sentBytes: number
  readonly receivedBytes: number
}

/** How long a server may take to close after its answer is complete. */
const CLOSE_TIMEOUT_MS = 1000
/** Idle time before the kernel asks whether the other machine is still there; it then asks ten times, a second apart. */
const KEEPALIVE_MS = 10_000

/**
 * One job on one connection: sends the request, parses the answer as it comes. The connection is never half-closed,
 * because a server takes that for the client going away; and it is destroyed on every failure, which makes the
 * server stop the compiler. While there is no room for an answer its socket is not read. Rejects with ExchangeError.
 */
export function exchange(options: ExchangeOptions): Promise<ExchangeResult> {
  const { now, signal } = options
  return new Promise((resolve, reject) => {
    let isRequestNeeded = true
    const requestIsDone = (): void => {
      if (isRequestNeeded) options.onSent?.()
      isRequestNeeded = false
    }
    if (signal.aborted) {
      requestIsDone()
      options.onClosed?.()
      reject(new ExchangeError('aborted', 'the job was cancelled', signal.reason))
      return
    }
    const parser = new AnswerParser(options.limits ?? answerLimits(0))
    const room = options.room ?? roomOfLink()
    const releases: (() => void)[] = []
    const startMs = now()
    let connectedMs: number | undefined
    let sentMs: number | undefined
    let firstByteMs: number | undefined
    let settled = false
    /** All of the answer has arrived: what the connection does now does not matter. */
    let finishing = false
    let closeTimer: NodeJS.Timeout | undefined

    const socket = connect({
      host: options.host,
      port: options.port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEPALIVE_MS,
    })
    const connectTimer = setTimeout(() => {
      fail(new ExchangeError('unreachable', `no connection within ${options.connectTimeoutMs} ms`))
    }, options.connectTimeoutMs)
    const deadline = setTimeout(() => {
      fail(new ExchangeError('deadline', `no complete answer within ${Math.round(options.deadlineMs)} ms`))
    }, options.deadlineMs)
    const onAbort = (): void => fail(new ExchangeError('aborted', 'the job was cancelled', signal.reason))
    signal.addEventListener('abort', onAbort, { once: true })

    /** Takes room; gives it back at once if the exchange has ended meanwhile. */
    const take = async (budget: ByteBudget, bytes: number): Promise<void> => {
      const release = await budget.acquire(bytes)
      if (settled) release()
      else releases.push(release)
    }
    const settle = (): void => {
      settled = true
      for (const release of releases.splice(0)) release()
      clearTimeout(connectTimer)
      clearTimeout(deadline)
      signal.removeEventListener('abort', onAbort)
    }
    const fail = (error: ExchangeError): void => {
      if (settled) return
      settle()
      socket.destroy()
      reject(error)
    }
    const succeed = async (): Promise<void> => {
      finishing = true
      const endMs = now()
      const connected = connectedMs ?? startMs
      const sent = sentMs ?? firstByteMs ?? endMs
      const first = firstByteMs ?? endMs
      let answer: Answer
      try {
        answer = await parser.finish((bytes) => take(room.objects, bytes))
      } catch (error) {
        fail(asGarbage(error))
        return
      }
      if (settled) return
      settle()
      // What is too large was not read: the server need not send it.
      if (answer.excess !== undefined) socket.destroy()
      else if (!socket.closed) closeTimer = setTimeout(() => socket.destroy(), CLOSE_TIMEOUT_MS).unref()
      resolve({
        answer,
        connectMs: connected - startMs,
        sendMs: sent - connected,
        waitMs: first - sent,
        receiveMs: endMs - first,
        sentBytes: socket.bytesWritten,
        receivedBytes: parser.receivedBytes,
      })
    }
    const read = (more: () => void): void => {
      try {
        more()
      } catch (error) {
        fail(asGarbage(error))
        return
      }
      if (parser.complete) void succeed()
      else if (parser.wantedBytes > 0) {
        socket.pause()
        void take(room.wire, parser.wantedBytes).then(() => {
          if (settled) return
          socket.resume()
          read(() => parser.makeRoom())
        })
      }
    }
    const lost = (error: ExchangeError): void => {
      if (!finishing) fail(error)
    }

    socket.on('connect', () => {
      connectedMs = now()
      clearTimeout(connectTimer)
      socket.cork()
      for (const buffer of options.request) socket.write(buffer)
      socket.write(new Uint8Array(0), () => {
        sentMs ??= now()
        requestIsDone()
      })
      socket.uncork()
    })
    socket.on('data', (chunk: Buffer) => {
      if (settled || finishing) return
      firstByteMs ??= now()
      // While it waits for room it is not read, but what has arrived by then still comes.
      if (parser.wantedBytes > 0) parser.push(chunk)
      else read(() => parser.push(chunk))
    })
    socket.on('end', () => lost(ended(parser)))
    socket.on('error', (error) => {
      if (connectedMs === undefined) lost(new ExchangeError('unreachable', whyNot(error), error))
      else if (parser.receivedBytes > 0) lost(ended(parser, error))
      else lost(new ExchangeError('reset', `the connection was reset before any answer`, error))
    })
    socket.on('close', () => {
      // It would keep request and answer in memory.
      clearTimeout(closeTimer)
      lost(ended(parser))
      requestIsDone()
      options.onClosed?.()
    })
  })
}

/** Of a name with several addresses Node says nothing itself. */
function whyNot(error: Error): string {
  return error instanceof AggregateError
    ? error.errors.map((each) => (each instanceof Error ? each.message : String(each))).join('; ')
    : error.message
}

function ended(parser: AnswerParser, cause?: unknown): ExchangeError {
  return parser.receivedBytes === 0
    ? new ExchangeError('hung-up', 'the server closed the connection without an answer', cause)
    : new ExchangeError(
        'cut-off',
        `the answer ended after ${parser.receivedBytes} bytes, before its ${parser.awaiting}`,
        cause,
      )
}

function asGarbage(error: unknown): ExchangeError {
  if (error instanceof AnswerError)
    return new ExchangeError('garbage', `not an answer of distccd: ${error.message}`, error)
  return new ExchangeError('garbage', `the answer could not be read: ${String(error)}`, error)
}
