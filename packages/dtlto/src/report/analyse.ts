/**
 * What a report says about its link beyond what happened: how early the backends could have been done on these machines, what set their end, who was busy
 * how much. Pure.
 */
import {
  beganMs,
  isHomePlace,
  type PlaceAnalysis,
  type ReportAnalysis,
  type ReportAttempt,
  type ReportDocument,
  mostOf,
  workEdges,
} from './report-document.js'

type Facts = Pick<ReportDocument, 'jobs' | 'attempts' | 'places' | 'phases'>

/** A bound this near to what was needed explains it. */
const EXPLAINS = 0.8
/** Two things this near to one another in time follow one another. */
const NEXT_MS = 5

export function analyse(facts: Facts): ReportAnalysis {
  const { attempts, phases } = facts
  const placed = attempts.filter(({ outcome }) => outcome === 'placed')
  const lengthOf = (attempt: ReportAttempt): number => attempt.endMs - beganMs(attempt)
  const workMs = placed.reduce((sum, attempt) => sum + lengthOf(attempt), 0)
  const longest = placed.reduce<ReportAttempt | undefined>(
    (most, attempt) => (most && lengthOf(most) >= lengthOf(attempt) ? most : attempt),
    undefined,
  )
  const longestMs = longest ? lengthOf(longest) : 0
  const backendsMs = Math.max(0, (phases.objectsMs ?? phases.endMs) - (phases.jobsMs ?? phases.endMs))
  const places = analysePlaces(facts, backendsMs)
  const slots = places.reduce((sum, { mostAtATime }) => sum + mostAtATime, 0)
  const perSlotMs = slots > 0 ? workMs / slots : 0
  const lowerBoundMs = Math.max(longestMs, perSlotMs)
  const count = (test: (attempt: ReportAttempt) => boolean): number => attempts.filter(test).length
  return {
    backendsMs: tenths(backendsMs),
    workMs: tenths(workMs),
    longestMs: tenths(longestMs),
    ...(longest ? { longestJob: longest.job } : {}),
    slots,
    lowerBoundMs: tenths(lowerBoundMs),
    setBy: setBy(backendsMs, longestMs, perSlotMs),
    criticalPath: criticalPath(facts),
    retries: count(({ reason }) => reason === 'retry' || reason === 'fallback'),
    hedges: count(({ reason }) => reason === 'hedge'),
    hedgesWon: count(({ reason, outcome }) => reason === 'hedge' && outcome === 'placed'),
    misses: count(({ isMiss }) => isMiss === true),
    stayed: stayed(facts),
    troubles: troubles(attempts),
    places,
  }
}

function setBy(backendsMs: number, longestMs: number, perSlotMs: number): ReportAnalysis['setBy'] {
  if (backendsMs === 0) return 'nothing'
  if (longestMs >= backendsMs * EXPLAINS && longestMs >= perSlotMs) return 'job'
  return perSlotMs >= backendsMs * EXPLAINS ? 'slots' : 'other'
}

/**
 * From the object that came last backwards: it waited for the attempt before it on its slot or, as a retry, for the attempt of its job that failed; and so on to the first jobs.
 */
function criticalPath({ attempts, phases }: Facts): number[] {
  const order = attempts.map((_, i) => i).sort((a, b) => (attempts[a]?.endMs ?? 0) - (attempts[b]?.endMs ?? 0))
  let at = order.findLast((i) => attempts[i]?.outcome === 'placed')
  const path: number[] = []
  while (at !== undefined) {
    path.push(at)
    const attempt = attempts[at] as ReportAttempt
    const startMs = beganMs(attempt)
    if (startMs <= (phases.jobsMs ?? 0) + NEXT_MS) break
    const isBefore = (i: number): boolean => {
      const other = attempts[i] as ReportAttempt
      return other.endMs <= startMs + NEXT_MS && beganMs(other) < startMs
    }
    const ownBefore = order.findLast((i) => attempts[i]?.job === attempt.job && isBefore(i))
    at = ownBefore ?? order.findLast((i) => attempts[i]?.place === attempt.place && isBefore(i))
  }
  return path.reverse()
}

/** Jobs that this machine compiled because somebody else could not: by the reason that was given last. */
function stayed({ attempts, places }: Facts): { why: string; jobs: number[] }[] {
  const reasons = new Map<number, string>()
  const groups = new Map<string, number[]>()
  for (const { job, place, outcome, why, isMiss } of attempts) {
    if (outcome === 'cannot' && isMiss !== true && why !== undefined) reasons.set(job, why)
    const reason = reasons.get(job)
    const { distributor = '', endpoint = '' } = places[place] ?? {}
    if (outcome !== 'placed' || reason === undefined || !isHomePlace({ distributor, endpoint })) continue
    groups.set(reason, [...(groups.get(reason) ?? []), job])
  }
  return [...groups].map(([why, jobs]) => ({ why, jobs })).sort((a, b) => b.jobs.length - a.jobs.length)
}

function troubles(attempts: readonly ReportAttempt[]): { why: string; times: number }[] {
  const times = new Map<string, number>()
  for (const { outcome, why = 'unknown' } of attempts)
    if (outcome === 'trouble') times.set(why, (times.get(why) ?? 0) + 1)
  return [...times].map(([why, n]) => ({ why, times: n })).sort((a, b) => b.times - a.times)
}

function analysePlaces({ attempts, places, jobs }: Facts, backendsMs: number): PlaceAnalysis[] {
  const byPlace = places.map((): ReportAttempt[] => [])
  for (const attempt of attempts) byPlace[attempt.place]?.push(attempt)
  return byPlace.map((own, i) => {
    const mostAtATime = mostOf(own.flatMap(workEdges))
    const busyMs = own.reduce((sum, attempt) => sum + attempt.endMs - beganMs(attempt), 0)
    const capacityMs = mostAtATime * backendsMs
    const isHome = isHomePlace(places[i] ?? { distributor: '', endpoint: '' })
    return {
      jobs: own.filter(({ outcome }) => outcome === 'placed').length,
      attempts: own.length,
      troubles: own.filter(({ outcome }) => outcome === 'trouble').length,
      mostAtATime,
      busyMs: tenths(busyMs),
      utilisation: capacityMs > 0 ? Math.min(1, Math.round((busyMs / capacityMs) * 1000) / 1000) : 0,
      sentBytes: isHome
        ? 0
        : own.reduce((sum, { job }) => sum + (jobs[job]?.bitcodeBytes ?? 0) + (jobs[job]?.importedBytes ?? 0), 0),
    }
  })
}

export const tenths = (ms: number): number => Math.round(ms * 10) / 10
