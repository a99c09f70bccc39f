import { createHash } from 'node:crypto'
import {
  cpSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  utimesSync,
} from 'node:fs'
import path from 'node:path'
import { type CommandResult, run } from './command.js'
import { exact } from './comparators.js'
import { buildDirectory, modeName } from './environment.js'
import { linker, type Side } from './linkers.js'
import { isModeName, type ModeName, modeOptions, withoutFallback } from './modes.js'
import { type Link, type ParityCase, title } from './parity-case.js'
import { performSteps, prepare } from './recipe.js'
import { type FileState, listFiles, readTree } from './tree.js'

export type Outcome =
  | { readonly kind: 'identical' }
  /** Differs, and the case says why. */
  | { readonly kind: 'known'; readonly reason: string; readonly differences: readonly string[] }
  | { readonly kind: 'skipped'; readonly reason: string }
  | { readonly kind: 'failed'; readonly differences: readonly string[] }

interface SideResult {
  readonly links: readonly CommandResult[]
  readonly files: ReadonlyMap<string, FileState>
  /** Broken promises of the case itself, such as a cache that was not hit. */
  readonly complaints: readonly string[]
}

export function currentMode(): ModeName {
  if (!isModeName(modeName))
    throw new Error(`expected a mode of modes.ts in DTLTO_PARITY_MODE but received '${modeName}'`)
  return modeName
}

/** Removes what earlier runs left of this mode. */
export function clearWork(): void {
  rmSync(path.join(buildDirectory, 'work', currentMode()), { recursive: true, force: true })
}

export async function runCase(test: ParityCase): Promise<Outcome> {
  const mode = currentMode()
  const skip = test.unavailable ?? test.notIn?.[mode]
  if (skip !== undefined) return { kind: 'skipped', reason: skip }
  const directory = path.join(buildDirectory, 'work', mode, fileName(title(test)))
  rmSync(directory, { recursive: true, force: true })
  const unmade = await firstFailure(test)
  if (unmade !== undefined) return { kind: 'failed', differences: [unmade] }
  const stock = await runSide(test, directory, 'stock', mode)
  const invalid = [...(await checkCase(test, stock, mode)), ...stock.complaints]
  if (invalid.length > 0) return { kind: 'failed', differences: invalid.map((text) => `the case itself: ${text}`) }
  const dtlto = await runSide(test, directory, 'dtlto', mode)
  const differences = [...dtlto.complaints, ...compareSides(test, stock, dtlto)]
  if (test.knownDifference === undefined) {
    if (differences.length > 0) return { kind: 'failed', differences }
    rmSync(directory, { recursive: true })
    return { kind: 'identical' }
  }
  if (differences.length > 0) return { kind: 'known', reason: test.knownDifference, differences }
  return { kind: 'failed', differences: [`listed as a known difference, but equal now: ${test.knownDifference}`] }
}

/** Why an input of the case cannot be made. */
async function firstFailure(test: ParityCase): Promise<string | undefined> {
  const made = await Promise.allSettled(test.inputs.map((input) => prepare(input)))
  const failed = made.find((result) => result.status === 'rejected')
  return failed && String(failed.reason)
}

/** One side runs in `DIR/cwd`, which then becomes `DIR/stock` or `DIR/dtlto`: paths in outputs are the same. */
async function runSide(test: ParityCase, directory: string, side: Side, mode: ModeName): Promise<SideResult> {
  const cwd = path.join(directory, 'cwd')
  await placeInputs(test, cwd)
  const links: CommandResult[] = []
  const complaints: string[] = []
  for (const [index, link] of test.links.entries()) {
    await performSteps(link.before ?? [], cwd, title(test))
    const kept = link.keeps === undefined ? undefined : inodes(path.join(cwd, link.keeps))
    links.push(await runLink(test, link, cwd, side, mode))
    if (kept === undefined) continue
    if (kept.size === 0) complaints.push(`${side}: link ${index + 1} found no file below ${link.keeps}`)
    for (const [name, inode] of inodes(path.join(cwd, link.keeps ?? ''))) {
      if (kept.get(name) !== inode) complaints.push(`${side}: link ${index + 1} wrote ${link.keeps}/${name} again`)
    }
  }
  const files = readTree(cwd)
  renameSync(cwd, path.join(directory, side))
  return { links, files, complaints }
}

async function placeInputs(test: ParityCase, cwd: string): Promise<void> {
  mkdirSync(cwd, { recursive: true })
  for (const input of test.inputs) {
    cpSync(await prepare(input), path.join(cwd, input.name), { recursive: true, verbatimSymlinks: true })
  }
  // Mach-O debug maps hold the inputs' modification times.
  for (const file of listFiles(cwd)) lutimesSync(path.join(cwd, file), 1_600_000_000, 1_600_000_000)
}

async function runLink(test: ParityCase, link: Link, cwd: string, side: Side, mode: ModeName): Promise<CommandResult> {
  const { flavour } = test.target
  const as = link.stock ? 'stock' : side
  const args = link.args.flatMap((arg) => {
    const input = test.inputs.find(({ name }) => arg === `$${name}`)
    return input ? input.files.map((file) => path.join(input.name, file)) : [arg]
  })
  const program = linker(flavour, as)
  const ours = as === 'dtlto' ? [...args, ...modeOptions(mode, flavour)] : args
  // What is kept is told by its inodes, which a second try in a copy would change.
  if (
    (mode === 'isolate' || mode === 'reapi') &&
    as === 'dtlto' &&
    !test.links.some(({ keeps }) => keeps !== undefined)
  ) {
    const alone = await tryWithout(cwd, () => run(program, [...ours, ...withoutFallback(flavour)], cwd))
    if (alone !== undefined) return alone
  }
  const result = await run(program, ours, cwd)
  const warnings = WARNINGS[mode]
  return warnings ? { ...result, stderr: without(warnings, result.stderr) } : result
}

/**
 * A link in which the linker's process compiles nothing: else it would, on a busy machine, make most of these small objects before a worker
 * has. Undefined if it fails, because some job can be compiled nowhere else, or nowhere at all; the directory is then as it was.
 */
async function tryWithout(cwd: string, link: () => Promise<CommandResult>): Promise<CommandResult | undefined> {
  const before = `${cwd}.before`
  copyUnseen(cwd, before)
  const result = await link()
  if (result.exit === 0) {
    rmSync(before, { recursive: true })
    return result
  }
  rmSync(cwd, { recursive: true })
  renameSync(before, cwd)
  return undefined
}

/** Copies a directory. When its files were last read stays what it was: lld's cache is pruned by that. */
function copyUnseen(from: string, to: string): void {
  const files = readdirSync(from, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
  const times = files.map((file) => statSync(file))
  cpSync(from, to, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true })
  for (const [i, file] of files.entries()) {
    const { atime, mtime } = times[i] as Stats
    for (const copy of [file, path.join(to, path.relative(from, file))]) utimesSync(copy, atime, mtime)
  }
}

/** What dtlto itself says in a mode: what a broken distributor costs, and that a link is none for worker processes. */
const WARNINGS: Partial<Record<ModeName, RegExp>> = {
  faulty: /^[\w.-]*dtlto[\w.-]*: warning: faulty: .*\n/gm,
  reapi: /^[\w.-]*dtlto[\w.-]*: warning: reapi: distributor 'reapi' has not compiled (?:the job|any ).*\n/gm,
  clang:
    /^[\w.-]*dtlto[\w.-]*: warning: process-pool: distributor 'process-pool' has not compiled (?:the job|any ).*\n/gm,
  isolate: /^[\w.-]*dtlto[\w.-]*: warning: worker: distributor 'worker' has not compiled (?:the job|any ).*\n/gm,
}

function without(warnings: RegExp, stderr: Buffer): Buffer {
  return Buffer.from(stderr.toString('latin1').replace(warnings, ''), 'latin1')
}

/** A case that does not do with the stock linker what it says would prove nothing. */
async function checkCase(test: ParityCase, stock: SideResult, mode: ModeName): Promise<string[]> {
  const complaints: string[] = []
  const stderr = Buffer.concat(stock.links.map((link) => link.stderr)).toString()
  const failed = stock.links.some((link) => link.exit !== 0)
  if (failed !== (test.fails === true)) {
    complaints.push(
      `the stock linker exits with ${stock.links.map((link) => link.exit).join(', ')}: ${stderr.slice(0, 1500)}`,
    )
  }
  for (const file of test.creates) {
    if (!stock.files.has(file))
      complaints.push(`the stock linker makes no ${file}, but ${newFiles(test, stock).join(', ')}`)
  }
  if (test.says && !test.says.test(stderr)) complaints.push(`the stock linker does not say ${test.says}: ${stderr}`)
  if (test.against && complaints.length === 0) {
    const plain = await runBaseline({ ...test, links: [{ args: test.against }] }, mode)
    const same = compareSides(test, stock, plain).length === 0
    if (same && test.effect !== 'none') complaints.push('has no effect, and is not marked so')
    if (!same && test.effect === 'none') complaints.push('has an effect, but is marked otherwise')
  }
  return complaints
}

const baselines = new Map<string, Promise<SideResult>>()

/** The link without the option of a case, once for all cases that share it. */
function runBaseline(test: ParityCase, mode: ModeName): Promise<SideResult> {
  const key = digest(JSON.stringify([test.target.triple, test.inputs, test.links]))
  let result = baselines.get(key)
  if (!result) {
    const directory = path.join(buildDirectory, 'work', mode, `baseline-${key}-${process.pid}`)
    result = runSide(test, directory, 'stock', mode).finally(() => rmSync(directory, { recursive: true, force: true }))
    baselines.set(key, result)
  }
  return result
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

function newFiles(test: ParityCase, side: SideResult): string[] {
  return [...side.files.keys()].filter((name) => !test.inputs.some((input) => name.startsWith(`${input.name}/`)))
}

function compareSides(test: ParityCase, stock: SideResult, dtlto: SideResult): string[] {
  const differences: string[] = []
  const compare = (name: string, a: Buffer, b: Buffer): void => {
    const rule = Object.entries(test.compare ?? {}).find(([pattern]) => new RegExp(`^(?:${pattern})$`).test(name))
    const difference = (rule?.[1] ?? exact)(a, b)
    if (difference !== undefined) differences.push(`${name}: ${difference}`)
  }
  for (const [index, link] of stock.links.entries()) {
    const other = dtlto.links[index]
    if (!other) continue
    if (link.exit !== other.exit) differences.push(`exit code: stock ${link.exit}, dtlto ${other.exit}`)
    compare('stdout', link.stdout, other.stdout)
    compare('stderr', link.stderr, other.stderr)
  }
  for (const name of new Set([...stock.files.keys(), ...dtlto.files.keys()])) {
    const [ours, theirs] = [dtlto.files.get(name), stock.files.get(name)]
    if (!theirs) differences.push(`${name}: made by dtlto alone`)
    else if (!ours) differences.push(`${name}: made by the stock linker alone`)
    else {
      if (ours.mode !== theirs.mode) {
        differences.push(`${name}: mode: stock ${theirs.mode.toString(8)}, dtlto ${ours.mode.toString(8)}`)
      }
      compare(name, theirs.bytes, ours.bytes)
    }
  }
  return differences
}

function inodes(directory: string): Map<string, number> {
  return new Map([...readTree(directory)].map(([name, { inode }]) => [name, inode]))
}

function fileName(text: string): string {
  return `${text.replaceAll(/[^\w.+-]+/g, '_').slice(0, 60)}-${digest(text).slice(0, 6)}`
}
