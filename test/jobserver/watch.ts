import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'

/** What was seen of linkers at work. */
export interface Watched {
  /** Looks, by the number of threads that were compiling; without those at which none was. */
  readonly looks: ReadonlyMap<number, number>
  /** The most threads that were compiling at several looks in a row. */
  readonly most: number
}

/**
 * Looks in a row. One proves nothing: it takes a moment, in which a job may end and another start; and a thread that has just ended its job
 * may have to wait for a core before it can go to sleep.
 */
const IN_A_ROW = 4

/** How many threads of linkers below a process compile at the same time, at most. Looks every few milliseconds until `until` is settled. */
export async function mostCompilersAtOnce(root: number, until: Promise<unknown>): Promise<number> {
  return (await watchCompilers(root, until, 5)).most
}

/**
 * Watches the threads of linkers below a process that compile: native threads that are running or ready to run. Looks every `intervalMs` until
 * `until` is settled.
 */
export async function watchCompilers(root: number, until: Promise<unknown>, intervalMs: number): Promise<Watched> {
  let ended = false
  const end = (): void => void (ended = true)
  until.then(end, end)
  const looks = new Map<number, number>()
  const latest: number[] = []
  let most = 0
  while (!ended) {
    const linkers = descendants(root).filter((pid) => LINKERS.test(read(`/proc/${String(pid)}/comm`).trim()))
    const count = linkers.reduce((sum, pid) => sum + compilers(pid), 0)
    if (count > 0) looks.set(count, (looks.get(count) ?? 0) + 1)
    latest.push(count)
    if (latest.length > IN_A_ROW) latest.shift()
    if (latest.length === IN_A_ROW) most = Math.max(most, Math.min(...latest))
    await setTimeout(intervalMs)
  }
  return { looks, most }
}

/** dtlto's is a Node process. */
const LINKERS = /^(node|ld\.lld)/

/** Threads of the process that do nothing but compile: running, not Node's own, and with some work behind them. */
function compilers(pid: number): number {
  return list(`/proc/${String(pid)}/task`).filter((task) => {
    const stat = read(`/proc/${String(pid)}/task/${task}/stat`)
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const userTicks = Number(fields[10])
    const name = /\((.*)\)/.exec(stat)?.[1] ?? ''
    return state === 'R' && task !== String(pid) && userTicks >= 3 && !/^(v8|libuv|node-)/i.test(name)
  }).length
}

function descendants(root: number): number[] {
  const children = list(`/proc/${String(root)}/task`).flatMap((task) =>
    read(`/proc/${String(root)}/task/${task}/children`)
      .split(' ')
      .filter(Boolean)
      .map(Number),
  )
  return [root, ...children.flatMap(descendants)]
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // it has ended
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}
