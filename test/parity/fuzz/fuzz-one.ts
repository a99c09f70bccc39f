import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { type CommandResult, run } from '../command.js'
import { crash } from '../comparators.js'
import { buildDirectory } from '../environment.js'
import { linker, type Side } from '../linkers.js'
import { modeOptions } from '../modes.js'
import { prepare } from '../recipe.js'
import { currentMode } from '../runner.js'
import { exists } from '../tree.js'
import { mutate } from './mutate.js'
import { createRandom } from './random.js'
import type { Subject } from './subjects.js'

export type FuzzOutcome =
  | { readonly kind: 'same'; readonly stock: 'links' | 'refuses' }
  /** The stock linker crashes or hangs on it; dtlto must only not link it in silence, nor hang where stock does not. */
  | { readonly kind: 'stock crashes' }
  /** The stock linker does not give the same twice. */
  | { readonly kind: 'not deterministic' }
  /** dtlto differed once and in none of the runs after it: reads past the end of a damaged file see what lies there. */
  | { readonly kind: 'differed once'; readonly text: string }
  | { readonly kind: 'differs'; readonly text: string; readonly directory: string }

/** Further runs of dtlto on an input that made it differ. */
const repeats = 5

interface Result extends CommandResult {
  readonly output: Buffer | undefined
}

/** Damages one input as its number says, and links with both linkers. */
export async function fuzzOne(subject: Subject, number: number): Promise<FuzzOutcome> {
  const directory = path.join(buildDirectory, 'fuzz', currentMode(), String(number))
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  for (const input of subject.inputs)
    cpSync(await prepare(input), path.join(directory, input.name), { recursive: true })
  const victim = path.join(directory, subject.victim)
  const { bytes, steps } = mutate(readFileSync(victim), createRandom(number))
  writeFileSync(victim, bytes)

  const stock = await linkOnce(subject, 'stock', directory)
  const dtlto = await linkOnce(subject, 'dtlto', directory)
  const outcome = judge(stock, dtlto)
  if (outcome.kind === 'differs') {
    const text = `input ${number} (${subject.name}, ${steps.join(', ')}): ${outcome.text}`
    if (await isDeterministic(stock, subject, directory)) {
      for (let attempt = 0; attempt < repeats; attempt++) {
        const again = judge(stock, await linkOnce(subject, 'dtlto', directory))
        if (again.kind === 'differs') return { ...outcome, text, directory: path.relative(buildDirectory, directory) }
      }
      return { kind: 'differed once', text }
    }
  }
  rmSync(directory, { recursive: true, force: true })
  return outcome.kind === 'differs' ? { kind: 'not deterministic' } : outcome
}

/** LLVM reads past the end of some damaged records (of attribute groups, for one), and what lies there is malloc's affair. */
async function isDeterministic(stock: Result, subject: Subject, directory: string): Promise<boolean> {
  const again = await linkOnce(subject, 'stock', directory)
  return difference(stock, again) === undefined
}

function judge(stock: Result, dtlto: Result): FuzzOutcome {
  if (crashed(stock)) {
    if (dtlto.exit === 0) return { kind: 'differs', text: 'the stock linker crashes, dtlto links', directory: '' }
    if (dtlto.exit === 'timeout' && stock.exit !== 'timeout') {
      return { kind: 'differs', text: 'the stock linker crashes, dtlto hangs', directory: '' }
    }
    return { kind: 'stock crashes' }
  }
  const text = difference(stock, dtlto)
  if (text !== undefined) return { kind: 'differs', text, directory: '' }
  return { kind: 'same', stock: stock.exit === 0 ? 'links' : 'refuses' }
}

function difference(stock: Result, dtlto: Result): string | undefined {
  if (stock.exit !== dtlto.exit) {
    return `exit code: stock ${stock.exit}, dtlto ${dtlto.exit}; stderr of dtlto: ${dtlto.stderr.toString().slice(0, 600)}`
  }
  for (const stream of ['stdout', 'stderr'] as const) {
    const text = crash(stock[stream], dtlto[stream])
    if (text !== undefined) return `${stream}: ${text}`
  }
  const [theirs, ours] = [stock.output ?? Buffer.alloc(0), dtlto.output ?? Buffer.alloc(0)]
  return theirs.equals(ours) ? undefined : `out: ${theirs.length} and ${ours.length} bytes, not equal`
}

function crashed({ exit, stderr }: Result): boolean {
  return typeof exit === 'string' || exit >= 128 || stderr.includes('PLEASE submit a bug report')
}

async function linkOnce(subject: Subject, side: Side, directory: string): Promise<Result> {
  const file = path.join(directory, 'out')
  rmSync(file, { force: true })
  const { flavour } = subject.target
  const options = side === 'dtlto' ? modeOptions(currentMode(), flavour) : []
  const result = await run(linker(flavour, side), [...subject.args, ...options], directory)
  return { ...result, output: exists(file) ? readFileSync(file) : undefined }
}
