import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'

/**
 * How many threads of linkers below a process compile at the same time, at most: native threads that are running or ready to run. Looks
 * every few milliseconds until `until` is settled.
 */
export async function mostCompilersAtOnce(root: number, until: Promise<unknown>): Promise<number> {
  let ended = false
  void until.finally(() => {
    ended = true
  })
  const counts = new Map<number, number>()
  while (!ended) {
    const linkers = descendants(root).filter((pid) => read(`/proc/${String(pid)}/comm`).trim() === 'node')
    const count = linkers.reduce((sum, pid) => sum + compilers(pid), 0)
    counts.set(count, (counts.get(count) ?? 0) + 1)
    await setTimeout(5)
  }
  // A look is not a moment: between reading one thread's state and the next one's a job may end and another start.
  return Math.max(...[...counts].filter(([, times]) => times >= 3).map(([count]) => count))
}

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
