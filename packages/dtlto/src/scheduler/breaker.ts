import type { Policy } from './policy.js'

/** A circuit breaker: keeps an endpoint that fails again and again from eating the time of every job. */
export type Breaker =
  /** Takes work; `troubles` in a row so far. */
  | { readonly kind: 'closed'; readonly troubles: number }
  /** Gets nothing until `untilMs`. */
  | { readonly kind: 'resting'; readonly untilMs: number; readonly restMs: number }
  /** Rested. Gets one job, the shortest, to show whether it works again; `out` while that job is under way. */
  | { readonly kind: 'half-open'; readonly out: boolean; readonly restMs: number }
  /** Not asked again in this link. */
  | { readonly kind: 'retired' }

export const CLOSED: Breaker = { kind: 'closed', troubles: 0 }

export function afterSuccess(breaker: Breaker): Breaker {
  return breaker.kind === 'retired' ? breaker : CLOSED
}

/**
 * A trouble in the closed state counts; at a large endpoint one bad machine fails quickly and so fails many jobs in a row
 * while the good ones still compile, therefore the limit grows with the slots. `isDown`: this one is proof enough. While resting it is
 * old news.
 */
export function afterTrouble(breaker: Breaker, nowMs: number, slots: number, policy: Policy, isDown: boolean): Breaker {
  switch (breaker.kind) {
    case 'closed': {
      const troubles = breaker.troubles + 1
      const limit = Math.max(policy.breakerTroubles, Math.ceil(slots / 10))
      if (troubles < limit && !isDown) return { kind: 'closed', troubles }
      return { kind: 'resting', untilMs: nowMs + policy.restMs, restMs: policy.restMs }
    }
    case 'half-open': {
      const restMs = Math.min(breaker.restMs * 2, policy.longestRestMs)
      return { kind: 'resting', untilMs: nowMs + restMs, restMs }
    }
    case 'resting':
    case 'retired':
      return breaker
  }
}

/** The passing of time: a rest ends. */
export function afterTime(breaker: Breaker, nowMs: number): Breaker {
  if (breaker.kind !== 'resting' || nowMs < breaker.untilMs) return breaker
  return { kind: 'half-open', out: false, restMs: breaker.restMs }
}
