/** Counts of what keeps a process alive or grows with every link: `Timeout`, `ProcessWrap`, `process.exit listener` … */
export type Leftovers = ReadonlyMap<string, number>

/** As of now. */
export function leftovers(): Leftovers
/** What there is more of than `before`. */
export function leftovers(before: Leftovers): string[]
export function leftovers(before?: Leftovers): Leftovers | string[] {
  const now = new Map<string, number>()
  const count = (what: string, by = 1): unknown => now.set(what, (now.get(what) ?? 0) + by)
  for (const resource of process.getActiveResourcesInfo()) if (!PASSING.has(resource)) count(resource)
  for (const event of process.eventNames()) count(`process.${String(event)} listener`, process.listenerCount(event))
  if (before === undefined) return now
  return [...now]
    .filter(([what, number]) => number > (before.get(what) ?? 0))
    .map(([what, number]) => `${String(number - (before.get(what) ?? 0))} × ${what}`)
}

/** What ends by itself, and what the runner of tests has. */
const PASSING = new Set(['Immediate', 'CloseReq', 'TTYWrap', 'FSReqPromise', 'FSReqCallback', 'PipeWrap'])
