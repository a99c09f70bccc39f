/** What is believed of what a distributor says about an endpoint. A plugin may say anything, so every field is checked and bounded. */
import { describe } from '../message-of.js'

export interface Belief {
  readonly slots: number
  readonly accepting: boolean
  readonly busyElsewhere: number
  readonly hasQueue: boolean
  readonly queueLimitMs: number
  readonly deadlineMs: number
  readonly speed: number | undefined
  readonly latencyMs: number | undefined
  readonly text: string
}

/** Of an endpoint of which nothing has been read yet. */
export const NO_BELIEF: Belief = {
  slots: 0,
  accepting: false,
  busyElsewhere: 0,
  hasQueue: false,
  queueLimitMs: Infinity,
  deadlineMs: Infinity,
  speed: undefined,
  latencyMs: undefined,
  text: '',
}

const KEYS = Object.keys(NO_BELIEF) as readonly (keyof Belief)[]

export function isSame(a: Belief, b: Belief): boolean {
  for (const key of KEYS) if (a[key] !== b[key]) return false
  return true
}

export interface ReadEndpoint {
  readonly id: string
  readonly belief: Belief
  /** What `slots` was, in words, if it was no number of slots. */
  readonly wrongSlots: string | undefined
}

/** Reads each field once: what a getter gives the second time is not looked at. Throws for what is no endpoint. */
export function readEndpoint(said: unknown, mostSlots: number, mostQueuedMs: number): ReadEndpoint {
  if (typeof said !== 'object' || said === null)
    throw new TypeError(`expected an object for an endpoint but received ${describe(said)}`)
  const { id, slots, accepting, busyElsewhere, speed, latencyMs, hasQueue, queueLimitMs, deadlineMs, text } =
    said as Readonly<Record<string, unknown>>
  if (typeof id !== 'string' || id === '')
    throw new TypeError(`expected a string for "id" but received ${describe(id)}`)
  const areSlots = typeof slots === 'number' && slots >= 0
  return {
    id,
    wrongSlots: areSlots ? undefined : describe(slots),
    belief: {
      slots: areSlots ? Math.min(mostSlots, Math.floor(slots)) : 0,
      accepting: accepting === true,
      busyElsewhere: numberOf(busyElsewhere) ?? 0,
      hasQueue: hasQueue === true,
      queueLimitMs: numberOf(queueLimitMs) || mostQueuedMs,
      // 0 is what many systems say for "none".
      deadlineMs: numberOf(deadlineMs) || Infinity,
      speed: numberOf(speed),
      latencyMs: numberOf(latencyMs),
      text: typeof text === 'string' ? text : '',
    },
  }
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 ? value : undefined
}
