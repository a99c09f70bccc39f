/** A report of a large link on a farm with a slow, a killed and a refusing machine, made up but whole; the same every time. */
import { analyse } from '../../packages/dtlto/src/report/analyse.js'
import type { ReportAttempt, ReportDocument, ReportJob } from '../../packages/dtlto/src/report/report-document.js'

const START_MS = 400
const DIES_MS = 4_000
const SLOTS = 8
/** Its speed, against the others. */
const MACHINES = [1, 1, 1, 0.25, 1, 1, 1.2, 1.2]
const KILLED = 5
const HOME = MACHINES.length

export function largeReport(count: number): ReportDocument {
  const random = numbers(7)
  const slots = MACHINES.flatMap((_, place) => Array.from({ length: SLOTS }, () => ({ place, freeMs: START_MS })))
  slots.push({ place: HOME, freeMs: START_MS }, { place: HOME, freeMs: START_MS })
  const jobs: ReportJob[] = []
  const attempts: ReportAttempt[] = []
  for (let job = 0; job < count; job++) {
    const ms = 60 + 9_000 / (1 + job * 0.02)
    const endedMs = run(job, ms, slots, attempts, random)
    jobs.push({
      module: `src/part${String(job % 37)}/lib${String(job % 11)}.a(file_${String(job)}.o at ${String(job * 977)})`,
      cost: Math.round(ms * 40),
      bitcodeBytes: Math.round(ms * 300),
      importedModules: job % 30,
      importedBytes: Math.round(ms * 500),
      result: 'done',
      endedMs,
      ...(job < 50 ? { imports: Array.from({ length: job % 30 }, (_, i) => `src/other/file_${String(i)}.o`) } : {}),
    })
  }
  attempts.sort((a, b) => a.endMs - b.endMs)
  const lastMs = Math.max(...jobs.map(({ endedMs }) => endedMs))
  const facts = {
    jobs,
    attempts,
    places: [
      ...MACHINES.map((_, i) => ({ distributor: 'distcc', endpoint: `build${String(i + 1)}.example` })),
      { distributor: 'local', endpoint: 'local' },
    ],
    phases: { jobsMs: START_MS, objectsMs: lastMs, endMs: lastMs + 900 },
  }
  return {
    dtltoReport: 1,
    program: 'ld.dtlto',
    versions: { dtlto: '0.1.0', llvm: '22.1.8', node: '20.19.0' },
    host: { name: 'desk', system: 'Linux 6.1', arch: 'x64', cpus: 2, cpu: 'a processor', memoryBytes: 16e9 },
    startedAt: '2026-11-26T02:00:00.000Z',
    output: 'bin/program',
    command: ['-o', 'bin/program', '</script><script>alert(1)</script>'],
    workingDirectory: '/src',
    settings: { fallback: 'local' },
    distributors: [{ name: 'distcc', options: { hosts: '…' } }],
    exitCode: 0,
    modules: { total: count + 70, cacheHits: 70 },
    ...facts,
    incidents: [
      {
        atMs: DIES_MS,
        kind: 'rested',
        distributor: 'distcc',
        endpoint: 'build6.example',
        text: 'closed the connection',
      },
    ],
    analysis: analyse(facts),
  }
}

/** On the slot that is free first; what is at the killed machine when it dies goes elsewhere. Gives when the object came. */
function run(
  job: number,
  ms: number,
  slots: { place: number; freeMs: number }[],
  attempts: ReportAttempt[],
  random: () => number,
): number {
  for (let reason: ReportAttempt['reason'] = 'first'; ; reason = 'retry') {
    const open = slots.filter(({ place, freeMs }) => place !== KILLED || freeMs < DIES_MS)
    const slot = open.reduce((best, other) => (other.freeMs < best.freeMs ? other : best))
    const sentMs = slot.freeMs
    const isHome = slot.place === HOME
    const compileMs = tenths(ms / (MACHINES[slot.place] ?? 1))
    const [sendMs, receiveMs] = isHome ? [0, 0] : [tenths(ms * 0.04), tenths(ms * 0.02)]
    const endMs = tenths(sentMs + sendMs + compileMs + receiveMs)
    const dies = slot.place === KILLED && endMs > DIES_MS
    slot.freeMs = tenths((dies ? DIES_MS : endMs) + random() * 3)
    attempts.push({
      job,
      place: slot.place,
      reason,
      outcome: dies ? 'trouble' : 'placed',
      ...(dies ? { why: "server 'build6.example' closed the connection" } : {}),
      sentMs,
      endMs: dies ? DIES_MS : endMs,
      waitedMs: tenths(sentMs - START_MS),
      ...(dies ? {} : { compileMs }),
      ...(isHome || dies ? {} : { sendMs, receiveMs }),
    })
    if (!dies) return endMs
  }
}

const tenths = (ms: number): number => Math.round(ms * 10) / 10

function numbers(seed: number): () => number {
  let state = seed
  return () => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647
}
