/** Runs commands and measures them. GNU time does the part that Node cannot: what a child process and its children used. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Command {
  readonly argv: readonly string[]
  readonly directory: string
}

export interface Sample {
  readonly wallMs: number
  /** User and system time of all processes. */
  readonly cpuMs: number
  /** Resident memory of the largest single process, at its largest. */
  readonly peakBytes: number
}

/** Runs a command that has to succeed, on `processors` (numbers as for taskset) or on all. */
export async function measure({ argv, directory }: Command, processors?: readonly number[]): Promise<Sample> {
  const temporary = await mkdtemp(join(tmpdir(), 'dtlto-measure-'))
  try {
    const report = join(temporary, 'usage')
    const start = process.hrtime.bigint()
    const pinned = processors ? ['taskset', '-c', processors.join(',')] : []
    const child = spawn('/usr/bin/time', ['-q', '-f', '%U %S %M', '-o', report, ...pinned, ...argv], {
      cwd: directory,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let errors = ''
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
    const [exitCode] = (await once(child, 'close')) as [number | null]
    const wallMs = Number(process.hrtime.bigint() - start) / 1e6
    if (exitCode !== 0) throw new Error(`'${argv[0] ?? ''}' exited with ${exitCode ?? 'a signal'}:\n${errors}`)
    const [user = 0, system = 0, peakKib = 0] = (await readFile(report, 'utf8')).trim().split(' ').map(Number)
    return { wallMs, cpuMs: (user + system) * 1000, peakBytes: peakKib * 1024 }
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}

/**
 * Runs all commands `rounds` times, interleaved: each round runs every command once, and starts with another one, so
 * that neither drift nor what a predecessor leaves in the machine's caches favours one. One more round before, for
 * warming up, is thrown away. Returns the samples of each command, by round.
 */
export async function interleave<Name extends string>(
  commands: Readonly<Record<Name, Command>>,
  rounds: number,
  onRound: (round: number) => void = () => undefined,
): Promise<Record<Name, Sample[]>> {
  const names = Object.keys(commands) as Name[]
  const samples = Object.fromEntries(names.map((name) => [name, [] as Sample[]])) as Record<Name, Sample[]>
  for (const name of names) await measure(commands[name])
  for (let round = 0; round < rounds; round++) {
    onRound(round)
    const first = round % names.length
    for (const name of [...names.slice(first), ...names.slice(0, first)]) {
      samples[name].push(await measure(commands[name]))
    }
  }
  return samples
}

/**
 * Runs two commands at the same time, each on half of the processors, then again with the halves exchanged, `rounds` times. Returns `other` ÷
 * `base` of each round: the geometric mean of the two. Where the speed of the machine changes from minute to minute, as on virtual machines,
 * this is the ratio to trust: both see the same minute. (It is a little too near to 1, since the slower one ends alone on the machine.)
 */
export async function sideBySide(
  base: Command,
  other: Command,
  rounds: number,
): Promise<Pick<Sample, 'wallMs' | 'cpuMs'>[]> {
  const all = Array.from({ length: availableParallelism() }, (_, i) => i)
  const halves = [all.slice(0, all.length / 2), all.slice(all.length / 2)] as const
  if (halves[0].length === 0) throw new Error('two commands side by side need two processors')
  const ratios: Pick<Sample, 'wallMs' | 'cpuMs'>[] = []
  for (let round = 0; round < rounds; round++) {
    let [wallMs, cpuMs] = [1, 1]
    for (const [first, second] of [halves, [halves[1], halves[0]] as const]) {
      const [of, to] = await Promise.all([measure(other, first), measure(base, second)])
      wallMs *= of.wallMs / to.wallMs
      cpuMs *= of.cpuMs / to.cpuMs
    }
    ratios.push({ wallMs: Math.sqrt(wallMs), cpuMs: Math.sqrt(cpuMs) })
  }
  return ratios
}
