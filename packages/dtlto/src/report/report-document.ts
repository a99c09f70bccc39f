/**
 * The report of a link, as data: what `--distribute-report=FILE.json` writes, and what the page shows. docs/report.md describes every field. `dtltoReport` is the version of
 * this shape: new fields may come with the same version, a reader must ignore those that it does not know.
 *
 * Times end in `Ms`: milliseconds since the linker's process started, or lengths. Sizes are in bytes.
 */
export interface ReportDocument {
  readonly dtltoReport: 1
  /** As the user started it, for example `ld.dtlto`. */
  readonly program: string
  readonly versions: { readonly dtlto: string; readonly llvm: string; readonly node: string }
  readonly host: {
    readonly name: string
    /** For example `Linux 6.1.0`. */
    readonly system: string
    readonly arch: string
    readonly cpus: number
    readonly cpu: string
    readonly memoryBytes: number
  }
  /** When the process started: ISO 8601, UTC. */
  readonly startedAt: string
  readonly output: string
  /** lld's arguments, without dtlto's own; secrets are taken out. */
  readonly command: readonly string[]
  readonly workingDirectory: string
  /** Those that are not at their default, by their names in dtlto.toml. */
  readonly settings: Readonly<Record<string, string | number | boolean>>
  /** What was named, and the options that were given: values that are neither numbers nor switches are left out, for they may be secret. */
  readonly distributors: readonly { readonly name: string; readonly options: Readonly<Record<string, string>> }[]
  readonly exitCode: number
  /** ThinLTO modules of the link, and how many of them lld's cache had an object for. */
  readonly modules: { readonly total: number; readonly cacheHits: number }
  /**
   * Reading, resolving symbols and the thin link end; the last object is there; lld has ended. The first two are missing in a link without jobs. `threadMs`:
   * processor time, between these two, of the one thread that packs, sends and takes over jobs.
   */
  readonly phases: {
    readonly jobsMs?: number
    readonly objectsMs?: number
    readonly endMs: number
    readonly threadMs?: number
  }
  /** In lld's order; `attempts` and `analysis` refer to them by position. */
  readonly jobs: readonly ReportJob[]
  readonly places: readonly ReportPlace[]
  /** In the order in which they ended. */
  readonly attempts: readonly ReportAttempt[]
  readonly incidents: readonly ReportIncident[]
  readonly analysis: ReportAnalysis
  /** How long the backends would take with other numbers of slots; from `dtlto plan` and `dtlto report`. */
  readonly plan?: ReportPlan
}

export interface ReportJob {
  readonly module: string
  /** `BackendJob.cost`. */
  readonly cost: number
  readonly bitcodeBytes: number
  readonly importedModules: number
  readonly importedBytes: number
  readonly result: 'done' | 'failed' | 'cancelled'
  readonly endedMs: number
  /** What it imports from: of the slowest jobs. */
  readonly imports?: readonly string[]
}

/** Where jobs ran: an endpoint of a distributor, or a worker behind it where the endpoint names them. */
export interface ReportPlace {
  /** `local` is the linker's own process. */
  readonly distributor: string
  readonly endpoint: string
  readonly worker?: string
}

export interface ReportAttempt {
  readonly job: number
  readonly place: number
  readonly reason: 'first' | 'retry' | 'hedge' | 'fallback' | 'probe'
  readonly outcome: 'placed' | 'lost' | 'abandoned' | 'cannot' | 'does-not-compile' | 'trouble'
  /** What went wrong, or why the distributor cannot. */
  readonly why?: string
  /** A cache did not have it. */
  readonly isMiss?: true
  readonly sentMs: number
  /** When its answer came, or when it was given up. */
  readonly endMs: number
  /** From the last time that the job was put into the queue until it was sent. */
  readonly waitedMs: number
  /** At the place, before it began: in its queue, or waiting for a thread of this machine. */
  readonly queuedMs?: number
  readonly sendMs?: number
  readonly fetchMs?: number
  readonly compileMs?: number
  readonly handOverMs?: number
  readonly receiveMs?: number
}

export interface ReportIncident {
  readonly atMs: number
  readonly kind: 'warning' | 'rested' | 'recovered' | 'retired' | 'late'
  readonly distributor: string
  readonly endpoint?: string
  readonly text: string
}

export interface ReportAnalysis {
  /** From the first job's start to the last object. */
  readonly backendsMs: number
  /** Of the attempts that made the objects, from their begin to the answer, without queues. */
  readonly workMs: number
  readonly longestMs: number
  readonly longestJob?: number
  /** As many attempts were under way at a time, over all places. */
  readonly slots: number
  /** The backends could not have been done earlier on these slots: the longest job, or the work divided by the slots. */
  readonly lowerBoundMs: number
  /** What set the end. `job`: one module. `slots`: as much work as these slots do in that time. `other`: waiting, transfer, troubles. */
  readonly setBy: 'job' | 'slots' | 'other' | 'nothing'
  /** The last object, and what it waited for, back to the beginning. Positions in `attempts`, first to last. */
  readonly criticalPath: readonly number[]
  readonly retries: number
  readonly hedges: number
  readonly hedgesWon: number
  readonly misses: number
  /** Why jobs were compiled in the linker's process though a distributor was there, in the words of options. */
  readonly stayed: readonly { readonly why: string; readonly jobs: readonly number[] }[]
  readonly troubles: readonly { readonly why: string; readonly times: number }[]
  readonly places: readonly PlaceAnalysis[]
}

export interface PlaceAnalysis {
  readonly jobs: number
  readonly attempts: number
  readonly troubles: number
  readonly mostAtATime: number
  /** All attempts added up, from their begin to the answer. */
  readonly busyMs: number
  /** `busyMs` divided by what its slots had in the time of the backends: 0 to 1. */
  readonly utilisation: number
  /** Bitcode of the jobs that were sent there, with what they import; 0 for the linker's process. */
  readonly sentBytes: number
}

export interface ReportPlan {
  readonly latencyMs: number
  /** Bytes a second between this machine and all slots together; missing: no limit. */
  readonly bandwidth?: number
  readonly points: readonly { readonly slots: number; readonly backendsMs: number; readonly lowerBoundMs: number }[]
}

export const isHomePlace = ({ distributor, endpoint }: Pick<ReportPlace, 'distributor' | 'endpoint'>): boolean =>
  distributor === 'local' && endpoint === 'local'

/** A moment at which there is one more, or one less. */
export type Edge = readonly [atMs: number, change: 1 | -1]

/** How many there were at a time, at most. */
export function mostOf(edges: readonly Edge[]): number {
  const inOrder = [...edges].sort(([a, up], [b, down]) => a - b || down - up)
  let now = 0
  return inOrder.reduce((highest, [, change]) => Math.max(highest, (now += change)), 0)
}

/**
 * The two moments at which the number of attempts at work changes. Times are rounded to tenths, and two attempts that follow one another on a slot must not look as if they had been at
 * work at a time.
 */
export function edgesOf(beganMs: number, endMs: number): readonly [begin: Edge, end: Edge] {
  const fromMs = beganMs + ROUNDING_MS
  return [
    [fromMs, 1],
    [Math.max(fromMs, endMs - ROUNDING_MS), -1],
  ]
}

export const workEdges = (attempt: ReportAttempt): readonly [begin: Edge, end: Edge] =>
  edgesOf(beganMs(attempt), attempt.endMs)

const ROUNDING_MS = 0.1

/** When the work of an attempt began: not in a queue any more. */
export const beganMs = ({ sentMs, queuedMs = 0, endMs }: ReportAttempt): number => Math.min(sentMs + queuedMs, endMs)
