import type { Headers, HeaderSource } from './grpc/header-source.js'

export interface RenewableHeaders {
  readonly headers: Headers
  /** Until when they are good, as Date.now() counts. */
  readonly untilMs: number
}

/**
 * Headers that are asked for when they are needed, once for all who wait for them, and again when their time is over or a server has refused them. Of many
 * calls that are refused at the same time one asks.
 */
export function renewing(ask: () => Promise<RenewableHeaders>): HeaderSource {
  let current: Promise<RenewableHeaders> | undefined
  return async (refused) => {
    for (;;) {
      const isMine = current === undefined
      const asked = (current ??= ask())
      try {
        const { headers, untilMs } = await asked
        if (isMine || (headers !== refused && Date.now() < untilMs)) return headers
        if (current === asked) current = undefined
      } catch (error) {
        if (current === asked) current = undefined
        throw error
      }
    }
  }
}
