/**
 * Cleans up when this process cannot: a small shell that waits for our end of a pipe to close, however we end, then kills the distributors that
 * still run (they lead process groups of their own) and removes the directory.
 */
import { type ChildProcess, spawn } from 'node:child_process'

/** Each line is the list of process groups, as kill takes them; the last one counts. */
const SCRIPT = `trap '' HUP INT TERM
running=
while read -r line; do running=$line; done
[ -z "$running" ] || kill -s KILL -- $running 2>/dev/null
rm -rf -- "$1"`

export class Caretaker {
  readonly #shell: ChildProcess
  readonly #ended: Promise<void>
  readonly #groups = new Set<number>()

  constructor(directory: string) {
    this.#shell = spawn('/bin/sh', ['-c', SCRIPT, 'dtlto', directory], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      cwd: '/',
    })
    this.#ended = new Promise((resolve) => {
      this.#shell.once('exit', () => resolve()).once('error', () => resolve())
    })
    this.#shell.stdin?.on('error', () => undefined)
  }

  running(group: number): void {
    this.#groups.add(group)
    this.#tell()
  }

  ended(group: number): void {
    this.#groups.delete(group)
    this.#tell()
  }

  /** Kills and removes, now. */
  end(): void {
    this.#shell.stdin?.end()
  }

  async isDone(): Promise<void> {
    await this.#ended
  }

  #tell(): void {
    this.#shell.stdin?.write(`${[...this.#groups].map((group) => `-${String(group)}`).join(' ')}\n`)
  }
}
