/**
 * Simulates links with the real scheduler and prints Markdown tables.
 *
 *     node --import tsx bench/simulator/main.ts [--quick] [RECORDED-LINK.json …]
 *
 * `git.json` is git 2.39.5 (-O2 -g, 374 jobs), recorded by record.ts from a trace of dtlto with two threads on this machine.
 *
 * The lower bound is max(longest job, work ÷ slots). With bad machines there are two: "promised" counts every slot as good, so
 * that with 5 % dead and 5 % ten times slower even an oracle only reaches 1.105; "real" counts what the machines can do. Targets are judged by
 * the real one. FIFO is given the same machines.
 */
import type { FakeWorker, Fault } from '../../packages/testkit/src/index.js'
import { dispatchCost } from './dispatch-cost.js'
import { readLink, syntheticLink, uniforms, type Link } from './links.js'
import { fifo, lowerBound, simulate, type Machines } from './simulate.js'

const LATENCY_MS = 20

/** `bad`: this share of the machines fails every job, and as many are ten times slower. */
function workers(slots: number, bad: number, fault: Fault, seed = 7): FakeWorker[] {
  // With 100 machines 5 % of them are a whole number.
  const perMachine = slots < 100 ? 1 : bad > 0 ? slots / 100 : 4
  const count = Math.ceil(slots / perMachine)
  const order = Array.from({ length: count }, (_, i) => i)
  const random = uniforms(seed)
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[order[i], order[j]] = [order[j] ?? 0, order[i] ?? 0]
  }
  const share = Math.round(count * bad)
  return order.map((rank, i) => ({
    name: `m${String(i)}`,
    slots: perMachine,
    ...(rank < share ? { fault } : rank < 2 * share ? { speed: 0.1 } : {}),
  }))
}

/** One cluster that hides its machines, the same with a queue that tells, an endpoint for each machine, or a distributor for each. */
type Shape = 'cluster' | 'queue' | 'endpoints' | 'distributors'

function farm(all: readonly FakeWorker[], shape: Shape, latencyMs = LATENCY_MS): Machines {
  const groups = shape === 'distributors' ? all.map((worker) => [worker]) : [all]
  const kind = { endpointPerWorker: shape !== 'cluster' && shape !== 'queue', hasQueue: shape === 'queue' }
  return {
    home: { slots: 2, takesPart: false },
    distributors: groups.map((workers, i) => ({ name: `d${String(i)}`, workers, latencyMs, ...kind })),
  }
}

function here(slots: number): Machines {
  return { home: { slots, takesPart: true }, distributors: [] }
}

interface Scenario {
  readonly link: Link
  readonly what: string
  readonly machines: Machines
  readonly knowsPast?: boolean
  readonly target?: number
}

const FAILS: Fault = { kind: 'trouble', afterMs: 300 }
const HANGS: Fault = { kind: 'hang' }

function scenarios(quick: boolean, recorded: readonly Link[]): Scenario[] {
  const small = syntheticLink(3_000)
  const large = syntheticLink(20_000)
  // Its longest job takes one and a half times as long as all slots together need for the others.
  const uneven = syntheticLink(3_000, 3)
  const good = (slots: number, shape: Shape = 'cluster'): Machines => farm(workers(slots, 0, FAILS), shape)
  const list: Scenario[] = [
    { link: small, what: '1 slot', machines: good(1) },
    { link: small, what: '8 slots of a cluster', machines: good(8) },
    { link: small, what: '8 slots of 8 machines', machines: good(8, 'endpoints') },
    { link: small, what: '200 slots of a cluster', machines: good(200), target: 1.05 },
    { link: small, what: 'the same, durations known', machines: good(200), knowsPast: true, target: 1.05 },
    { link: small, what: 'the same, with a queue that tells', machines: good(200, 'queue'), target: 1.1 },
    { link: small, what: '200 slots of 50 machines', machines: good(200, 'endpoints'), target: 1.05 },
    { link: small, what: 'the same as 50 distributors', machines: good(200, 'distributors'), target: 1.05 },
    { link: small, what: '1,000 slots of a cluster', machines: good(1_000) },
    { link: small, what: '1,000 slots of 250 machines', machines: good(1_000, 'endpoints') },
    {
      link: small,
      what: '8 slots of this machine and 200 of a cluster',
      machines: { ...good(200), home: { slots: 8, takesPart: true } },
      target: 1.05,
    },
    {
      link: small,
      what: '8 slots of this machine and 200 of 50 machines',
      machines: { ...good(200, 'endpoints'), home: { slots: 8, takesPart: true } },
      target: 1.05,
    },
  ]
  const bad = { fail: FAILS, hang: HANGS }
  for (const [what, fault] of Object.entries(bad)) {
    const share = `5 % ${what}, 5 % ten times slower`
    const of = (shape: Shape): Machines => farm(workers(200, 0.05, fault), shape)
    list.push(
      { link: small, what: `200 slots of a cluster, ${share}`, machines: of('cluster'), target: 1.15 },
      { link: small, what: 'the same, with a queue that tells', machines: of('queue'), target: 1.15 },
      { link: small, what: `200 slots of 100 machines, ${share}`, machines: of('endpoints'), target: 1.15 },
      { link: small, what: 'the same as 100 distributors', machines: of('distributors'), target: 1.15 },
      { link: uneven, what: `200 slots of 100 machines, ${share}`, machines: of('endpoints'), target: 1.15 },
      { link: uneven, what: 'the same as 100 distributors', machines: of('distributors'), target: 1.15 },
    )
  }
  if (!quick) {
    const some = workers(1_000, 0.05, FAILS)
    list.push(
      { link: large, what: '200 slots of a cluster', machines: good(200) },
      { link: large, what: '200 slots of 50 machines', machines: good(200, 'endpoints') },
      { link: large, what: '1,000 slots of a cluster', machines: good(1_000) },
      { link: large, what: '1,000 slots of 250 machines', machines: good(1_000, 'endpoints') },
      {
        link: large,
        what: '1,000 slots of a cluster, 5 % fail, 5 % ten times slower',
        machines: farm(some, 'cluster'),
      },
      {
        link: large,
        what: '1,000 slots of 100 machines, 5 % fail, 5 % ten times slower',
        machines: farm(some, 'endpoints'),
      },
    )
  }
  for (const link of recorded) {
    const near = (shape: Shape): Machines => farm(workers(8, 0, FAILS), shape, 0)
    list.push({ link, what: '8 slots of a cluster', machines: near('cluster'), target: 1.05 })
    list.push({ link, what: '8 slots of 8 machines', machines: near('endpoints'), target: 1.05 })
    // The bound does not count latency, which is a part of every job on these slots.
    list.push({ link, what: `8 slots of a cluster, ${String(LATENCY_MS)} ms away`, machines: good(8) })
    list.push({ link, what: `8 slots of 8 machines, ${String(LATENCY_MS)} ms away`, machines: good(8, 'endpoints') })
    list.push({ link, what: '8 slots of this machine, lld’s order', machines: here(8) })
    list.push({ link, what: 'the same, durations known', machines: here(8), knowsPast: true, target: 1.05 })
  }
  return list
}

const args = process.argv.slice(2)
const quick = args.includes('--quick')
const recorded = args.filter((arg) => !arg.startsWith('--')).map(readLink)
let missed = 0

console.log(
  '| link | machines | lower bound (s) | makespan (s) | ÷ bound | target | ÷ promised | FIFO ÷ bound | retries | hedges |',
)
console.log('|---|---|--:|--:|--:|--:|--:|--:|--:|--:|')
for (const { link, what, machines, knowsPast = false, target } of scenarios(quick, recorded)) {
  const bound = lowerBound(link, machines, false)
  const promised = lowerBound(link, machines, true)
  const { makespanMs, retries, hedges, unfinished } = await simulate(link, machines, knowsPast)
  const ratio = makespanMs / bound
  if (unfinished > 0 || (target !== undefined && ratio > target)) missed++
  const verdict = target === undefined ? '' : `${ratio <= target ? '' : '**missed** '}≤ ${target.toFixed(2)}`
  const fifoRatio = hangs(machines) ? 'never ends' : (fifo(link, machines) / bound).toFixed(3)
  console.log(
    `| ${link.name} | ${what} | ${(bound / 1000).toFixed(1)} | ${(makespanMs / 1000).toFixed(1)} | ${ratio.toFixed(3)} | ${verdict} | ${(makespanMs / promised).toFixed(3)} | ${fifoRatio} | ${String(retries)} | ${String(hedges)} |`,
  )
}

console.log('\n| dispatch | jobs | endpoints | slots each | µs a job |\n|---|--:|--:|--:|--:|')
for (const [endpoints, slots] of [
  [1, 8],
  [1, 200],
  [1, 1000],
  [5, 200],
  [50, 4],
  [200, 4],
] as const) {
  const us = await dispatchCost(syntheticLink(20_000), endpoints, slots)
  if (us > 50) missed++
  console.log(
    `| ${us > 50 ? '**missed** ' : ''}≤ 50 | 20,000 | ${String(endpoints)} | ${String(slots)} | ${us.toFixed(1)} |`,
  )
}
if (missed > 0) process.exitCode = 1

function hangs(machines: Machines): boolean {
  return machines.distributors.some(({ workers }) => workers.some(({ fault }) => fault?.kind === 'hang'))
}
