/**
 * How many jobs this link has at the engine at a time. An engine does not say how many workers it has, and they are others' too; what it shows is how long
 * jobs wait. While they hardly do, there may be more of them; when they wait as long as they run, there are enough. Most engines tell when a job leaves their queue: then the number
 * doubles with each round trip at first, not with each round of jobs, up to so many that an engine which does not tell the truth is not flooded before the first job has shown it.
 * Then it stays near what the engine takes up.
 */
const FIRST = 16
const LEAST = 2
const MOST = 2_000
const MOST_UNSEEN = 256
/** Waiting that is nobody's: a round trip, a worker that fetches inputs. */
const SHORT_MS = 300

export class InFlight {
  #most: number
  readonly #isFixed: boolean
  readonly #onChange: () => void
  #running = 0
  #hasExecuted = false

  /** `fixed`: the user's number; 0: to be found out. */
  constructor(fixed: number, onChange: () => void) {
    this.#isFixed = fixed > 0
    this.#most = this.#isFixed ? fixed : FIRST
    this.#onChange = onChange
  }

  get most(): number {
    return this.#most
  }

  began(): void {
    this.#running++
  }

  ended(): void {
    this.#running--
  }

  /** The engine has said that a job has left its queue, where it was seen for so long. Call it before `ended`. */
  begun(queuedMs: number): void {
    if (queuedMs < SHORT_MS && (this.#hasExecuted || this.#most < MOST_UNSEEN)) this.#more()
  }

  /** A job has been executed: it waited so long, and ran so long. Call it before `ended`. */
  executed(queuedMs: number, ranMs: number): void {
    this.#hasExecuted = true
    if (queuedMs < SHORT_MS || queuedMs < ranMs / 4) {
      this.#more()
    } else if (queuedMs > Math.max(1000, ranMs)) this.#set(this.#most - 1)
  }

  /** A look-up was answered, which takes no worker: whatever is in the cache should come as fast as the line allows. Call it before `ended`. */
  lookedUp(): void {
    this.#more()
  }

  /** RESOURCE_EXHAUSTED: the engine, or a quota, has had enough. */
  refused(): void {
    this.#set(Math.floor(Math.min(this.#most, this.#running) / 2))
  }

  /** That there could be more is shown by those that there are. */
  #more(): void {
    if (this.#running >= this.#most * 0.75) this.#set(this.#most + 1)
  }

  #set(wanted: number): void {
    const most = Math.max(LEAST, Math.min(MOST, wanted))
    if (this.#isFixed || most === this.#most) return
    this.#most = most
    this.#onChange()
  }
}
