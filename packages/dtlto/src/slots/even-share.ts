/**
 * Without a jobserver, links of dtlto on one machine share its cores evenly: with three links on twelve cores each compiles four jobs at a
 * time. It is advice that links give each other, not a lock, so it can neither block nor break one.
 *
 * A link that compiles in earnest (two jobs or more, for a fifth of a second) binds a socket in Linux' abstract namespace, under a
 * name that nobody else has. It never reads from it: that the name is in /proc/net/unix is the whole message. Now and then it counts the
 * names there. Alone, it uses all slots, as if nothing of this existed.
 *
 * announcements.ts says why that way. Slots as locks (one socket or flock'ed file for each core) would serve whoever came first: a second link would wait for the
 * first one's end. The load average (`make -l`) lags a minute behind.
 *
 * What it does not do: links in other namespaces of the network or of processes (most containers) and links of other users do not see each other, and a
 * link takes note of a newcomer between two jobs only.
 */
import type { Server } from 'node:net'
import { announce, announcements, isOfThisUser } from './announcements.js'
import type { SlotSource } from './slot-source.js'

/** Links that are done by then take no part: the socket and the first look cost some 3 ms of one core. */
const DELAY_MS = 200
const INTERVAL_MS = 100
/** Looking around takes at most this share of the time, however many sockets the machine has. */
const LOOKING_SHARE = 0.01

export class EvenShare implements SlotSource {
  readonly #most: () => number
  readonly #onSlots: () => void
  readonly #now: () => number
  readonly #group: string
  readonly #name: string
  #server: Server | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  /** Undefined: alone. */
  #share: number | undefined
  /** Links that were there at the last look, and whether they count. */
  #seen = new Map<string, boolean>()
  #jobs = 0
  #closed = false

  /** `group`: who shares with whom; a name of letters and hyphens. */
  constructor(most: () => number, onSlots: () => void, now: () => number, group = 'dtlto-link') {
    this.#group = group
    this.#name = `${group}-${String(process.pid)}-${String(process.hrtime.bigint())}`
    this.#most = most
    this.#onSlots = onSlots
    this.#now = now
  }

  get slots(): number {
    return this.#share ?? this.#most()
  }

  get limit(): number {
    return this.#share ?? Infinity
  }

  get text(): string {
    return this.#share === undefined ? 'alone' : `${String(this.#share)} of ${String(this.#most())} cores, shared`
  }

  prepare(): void {
    // What others do is looked at when there is something to share.
  }

  demand(running: number, waiting: number): void {
    this.#jobs = running + waiting
    if (!this.#closed && this.#jobs >= 2) this.#timer ??= this.#later(DELAY_MS)
  }

  close(): void {
    this.#closed = true
    this.#withdraw()
  }

  #later(ms: number): ReturnType<typeof setTimeout> {
    const timer = setTimeout(() => this.#look(), ms)
    timer.unref()
    return timer
  }

  #look(): void {
    if (this.#jobs < 2) return this.#withdraw()
    const startMs = this.#now()
    this.#server ??= announce(this.#name)
    this.#set(evenShare(this.#links(), this.#name, this.#most()))
    const tookMs = this.#now() - startMs
    this.#timer = this.#later(Math.max(INTERVAL_MS, tookMs / LOOKING_SHARE))
  }

  /** All links of this user that have announced themselves. */
  #links(): string[] {
    const before = this.#seen
    this.#seen = new Map(
      announcements(this.#group).map((link) => [link.name, before.get(link.name) ?? isOfThisUser(link)]),
    )
    return [...this.#seen].flatMap(([name, counts]) => (counts ? [name] : []))
  }

  #withdraw(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#server?.close()
    this.#server = undefined
    if (!this.#closed) this.#set(undefined)
  }

  #set(share: number | undefined): void {
    if (share === this.#share) return
    this.#share = share
    this.#onSlots()
  }
}

/** The slots of the link `own` among `links`; the rest of the division goes to the first names. Undefined: it is alone. */
export function evenShare(links: readonly string[], own: string, slots: number): number | undefined {
  const all = [...new Set([...links, own])].sort()
  if (all.length === 1) return undefined
  const rest = all.indexOf(own) < slots % all.length ? 1 : 0
  return Math.max(1, Math.floor(slots / all.length) + rest)
}
