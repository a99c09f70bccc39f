/**
 * How long a link waits for a cache that executes nothing: this machine could compile meanwhile. Each look-up has its time, and two in a row that need more end
 * it. A cache that answers within that, but slowly, ends it when it has given nothing for some seconds: a link of many short jobs would wait for
 * each of them.
 */
export const LOOKUP_MS = 2_000
/** What is faster costs no link anything worth mentioning: look-ups go on beside compiling. */
const SLOW_MS = 500
const NOTHING_MS = 4_000

export class Patience {
  readonly #now: () => number
  #isLate = false
  /** When the first look-up began, or the last ended that was quick or gave a result. */
  #goodMs: number | undefined

  constructor(now: () => number) {
    this.#now = now
  }

  began(): void {
    this.#goodMs ??= this.#now()
  }

  /** It took so long, in time, or until nobody wanted it any more. Why the cache should not be asked any more; undefined: go on. */
  ended(tookMs: number, isHit: boolean): string | undefined {
    this.#isLate = false
    if (isHit || tookMs < SLOW_MS) this.#goodMs = this.#now()
    const nothingMs = this.#now() - (this.#goodMs ?? this.#now())
    return nothingMs < NOTHING_MS
      ? undefined
      : `answers slowly, and has had nothing of what it was asked for in ${Math.round(nothingMs / 1000)} s`
  }

  /** It took more than its time. Whether that is the second in a row. */
  late(): boolean {
    const isSecond = this.#isLate
    this.#isLate = true
    return isSecond
  }
}
