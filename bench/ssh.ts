/**
 * What does ssh cost beyond compiling? Links many tiny modules, one job at a time: in the linker, in a process of this machine, and over ssh to an sshd on this machine.
 * The difference is the cost of a job's way: packing, digests, ssh's encryption, the fork there, the way back.
 *
 *     node --import tsx bench/ssh.ts [--modules 300] [--rounds 5]
 *
 * Times are medians; rounds are interleaved. On a busy machine they are too long.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { SshUser, whyNoSshd } from '../packages/distributor-ssh/src/testing/sshd.js'
import { compile, DTLTO } from '../test/link/toolchain.js'
import { describeMachine, milliseconds, table } from './format.js'

const { values } = parseArgs({ options: { modules: { type: 'string' }, rounds: { type: 'string' } } })
const modules = Number(values.modules ?? 300)
const rounds = Number(values.rounds ?? 5)
const missing = whyNoSshd()
if (missing !== undefined) throw new Error(missing)

const cwd = mkdtempSync(join(tmpdir(), 'dtlto-bench-'))
const user = new SshUser()
try {
  await user.machine('build1')
  const sources = Array.from({ length: modules }, (_, i) => [`m${i}.c`, `int f${i}(int x) { return x * ${i} + 1; }\n`])
  const objects = compile(cwd, Object.fromEntries(sources) as Record<string, string>, ['-fPIC'])
  const ways: Readonly<Record<string, readonly string[]>> = {
    'in the linker': ['--distribute=local', '--thinlto-jobs=1'],
    'worker, a process here': ['--distribute=worker,slots=1,share=off', '--distribute-fallback=none'],
    'ssh, here': ['--distribute=ssh,hosts=build1/1', '--distribute-fallback=none'],
  }
  const times = new Map(
    Object.keys(ways).map((name) => [name, [] as { readonly wallMs: number; readonly jobMs: number }[]]),
  )
  for (let round = -1; round < rounds; round++)
    for (const [name, options] of Object.entries(ways)) {
      const sample = link(objects, options)
      // The first round warms up; over ssh it also sends dtlto-codegen.
      if (round >= 0) times.get(name)?.push(sample)
    }
  console.log(`${modules} modules of one function, ${rounds} rounds, ${await describeMachine()}\n`)
  const medians = [...times].map(([name, samples]) => ({
    name,
    wallMs: median(samples.map(({ wallMs }) => wallMs)),
    jobMs: median(samples.map(({ jobMs }) => jobMs)),
  }))
  const homeMs = medians[0]?.jobMs ?? 0
  const rows = medians.map(({ name, wallMs, jobMs }) => [
    name,
    milliseconds(wallMs),
    `${jobMs.toFixed(2)} ms`,
    `${(jobMs - homeMs).toFixed(2)} ms`,
  ])
  console.log(table(['link', 'wall', 'a job, from one end to the next', 'beyond compiling'], rows))
} finally {
  await user.remove()
  rmSync(cwd, { recursive: true, force: true })
}

/** `jobMs`: from the first job's start to the last one's end, divided by their number: without connecting. */
function link(objects: readonly string[], options: readonly string[]): { wallMs: number; jobMs: number } {
  const args = ['-shared', ...objects, '-o', 'out', '--distribute-trace=trace.json', ...options]
  const beganMs = performance.now()
  const { status, stderr } = spawnSync(DTLTO, args, {
    cwd,
    env: { ...process.env, ...user.env },
    encoding: 'utf8',
  })
  const wallMs = performance.now() - beganMs
  if (status !== 0) throw new Error(stderr)
  const { traceEvents } = JSON.parse(readFileSync(join(cwd, 'trace.json'), 'utf8')) as { traceEvents: TraceEvent[] }
  const jobs = traceEvents.filter(({ ph, name }) => ph === 'X' && /^m\d+\.o/.test(name))
  if (jobs.length < objects.length) throw new Error(`the trace has ${jobs.length} jobs`)
  const ends = jobs.map(({ ts, dur }) => ts + dur)
  const spanMs = (Math.max(...ends) - Math.min(...jobs.map(({ ts }) => ts))) / 1000
  return { wallMs, jobMs: spanMs / jobs.length }
}

interface TraceEvent {
  readonly ph: string
  readonly name: string
  readonly ts: number
  readonly dur: number
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? Number.NaN
}
