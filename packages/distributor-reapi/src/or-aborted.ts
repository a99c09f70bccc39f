import { CODE, RpcError } from './grpc/status.js'

/** What belongs to the link goes on; whoever waits for it stops. */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let abort = (): void => undefined
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(new RpcError(CODE.CANCELLED, 'the job is not wanted any more'))
  })
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort)
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
