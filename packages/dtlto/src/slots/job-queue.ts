interface Waiting {
  start(): void
}

export interface JobQueueHooks {
  /** How many may run now. */
  readonly limit: () => number
  /** Called after every change of the numbers. */
  readonly onChange: (running: number, waiting: number) => void
}

/**
 * First come, first served, never more at a time than there are slots. The scheduler keeps one job more in this queue than there are slots, so
 * that the next one starts the moment a slot is free; that one waits.
 */
export class JobQueue {
  running = 0
  readonly #waiting: Waiting[] = []
  readonly #hooks: JobQueueHooks

  constructor(hooks: JobQueueHooks) {
    this.#hooks = hooks
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** Runs the task when there is a slot. Rejects with the signal's reason if it is aborted before that. */
  async run<T>(signal: AbortSignal, task: () => Promise<T>): Promise<T> {
    signal.throwIfAborted()
    if (this.running < this.#hooks.limit()) {
      this.running++
      this.#changed()
    } else {
      await this.#wait(signal)
    }
    try {
      return await task()
    } finally {
      this.running--
      this.#changed()
      this.startWaiting()
    }
  }

  /** There may be more slots than before. */
  startWaiting(): void {
    while (this.#waiting.length > 0 && this.running < this.#hooks.limit()) {
      this.running++
      this.#waiting.shift()?.start()
      this.#changed()
    }
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
        reject(signal.reason as Error)
        this.#changed()
      }
      const waiting: Waiting = {
        start: () => {
          signal.removeEventListener('abort', onAbort)
          resolve()
        },
      }
      signal.addEventListener('abort', onAbort, { once: true })
      this.#waiting.push(waiting)
      this.#changed()
    })
  }

  #changed(): void {
    this.#hooks.onChange(this.running, this.#waiting.length)
  }
}
