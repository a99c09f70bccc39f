import { createHash, randomUUID } from 'node:crypto'
import { chmodSync, cpSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { run } from './command.js'
import { buildDirectory, concurrency, llvmBin, sourceDirectory, tool } from './environment.js'
import { createLimit } from './limit.js'
import { exists, listFiles } from './tree.js'

/**
 * Inputs of links, made once.
 *
 * A recipe is a folder of files and the steps that make it, as data. Its steps, the recipes that it starts from, the
 * sources and the compiler are its identity, so a folder under build/parity/inputs never goes stale and is never made
 * twice. A case copies the folders it uses into its own working directory: linkers write beside their inputs.
 */
export interface Recipe {
  /** The folder's name in the working directory of a case. */
  readonly name: string
  /** What `$name` stands for in the arguments of a case, in this order; relative to the folder. */
  readonly files: readonly string[]
  readonly steps: readonly Step[]
  /** Other recipes, whose folders are inside this one's while the steps run and afterwards. */
  readonly uses?: readonly Recipe[]
}

export type Step =
  /** A program and its arguments; a word that begins with `@source/` names a file of sources/. */
  | readonly [string, ...string[]]
  | { readonly write: string; readonly text: string }
  | { readonly mkdir: string }
  | { readonly chmod: string; readonly mode: number }
  /** A thin archive whose members are named by absolute path, which llvm-ar never writes. */
  | { readonly thinArchive: string; readonly members: readonly string[] }
  /** A copy that lacks everything after `keep` bytes (a fraction of the size below 1), or has bytes inverted. */
  | { readonly copy: string; readonly to: string; readonly keep?: number; readonly invert?: readonly number[] }

const limit = createLimit(concurrency)
const made = new Map<string, Promise<string>>()

/** The folder of a recipe, made when it is not there yet. */
export function prepare(recipe: Recipe): Promise<string> {
  const id = identify(recipe)
  let folder = made.get(id)
  if (!folder) {
    folder = make(recipe, id)
    made.set(id, folder)
  }
  return folder
}

async function make(recipe: Recipe, id: string): Promise<string> {
  const final = path.join(buildDirectory, 'inputs', `${recipe.name}-${id}`)
  if (exists(final)) return final
  const parts = await Promise.all((recipe.uses ?? []).map(async (used) => ({ used, from: await prepare(used) })))
  const folder = `${final}.${randomUUID()}`
  mkdirSync(folder, { recursive: true })
  for (const { used, from } of parts) cpSync(from, path.join(folder, used.name), { recursive: true })
  await limit(() => performSteps(recipe.steps, folder, recipe.name))
  try {
    renameSync(folder, final)
  } catch (error) {
    // Another process made the same folder in the meantime: its content is the same.
    if (!exists(final)) throw error
    rmSync(folder, { recursive: true })
  }
  return final
}

/** Runs steps in a folder, one after the other. */
export async function performSteps(steps: readonly Step[], folder: string, name: string): Promise<void> {
  for (const step of steps) await perform(step, folder, name)
}

async function perform(step: Step, folder: string, name: string): Promise<void> {
  if (isCommand(step)) {
    const [program, ...args] = step
    const words = args.map((word) => word.replace(/@source\//, `${sourceDirectory}/`))
    const result = await run(tool(program), words, folder)
    if (result.exit === 0) return
    throw new Error(`input ${name}: ${[program, ...words].join(' ')}: exit ${result.exit}\n${result.stderr.toString()}`)
  }
  if ('write' in step) writeFileSync(inside(folder, step.write), step.text)
  else if ('mkdir' in step) mkdirSync(path.join(folder, step.mkdir), { recursive: true })
  else if ('chmod' in step) chmodSync(path.join(folder, step.chmod), step.mode)
  else if ('thinArchive' in step) {
    const members = step.members.map((member) => path.join(folder, member))
    writeFileSync(inside(folder, step.thinArchive), thinArchive(members))
  } else {
    let bytes = readFileSync(path.join(folder, step.copy))
    if (step.keep !== undefined) bytes = bytes.subarray(0, step.keep < 1 ? bytes.length * step.keep : step.keep)
    for (const offset of step.invert ?? []) {
      const at = offset < 0 ? bytes.length + offset : offset
      bytes[at] = (bytes[at] ?? 0) ^ 0xff
    }
    writeFileSync(inside(folder, step.to), bytes)
  }
}

function thinArchive(members: readonly string[]): string {
  const header = (name: string, size: number): string =>
    `${name.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'644'.padEnd(8)}${String(size).padEnd(10)}\`\n`
  let names = ''
  let entries = ''
  for (const member of members) {
    entries += header(`/${names.length}`, statSync(member).size)
    names += `${member}/\n`
  }
  if (names.length % 2 === 1) names += '\n'
  return `!<thin>\n${header('//', names.length)}${names}${entries}`
}

function inside(folder: string, file: string): string {
  const full = path.join(folder, file)
  mkdirSync(path.dirname(full), { recursive: true })
  return full
}

export function isCommand(step: Step): step is readonly [string, ...string[]] {
  return Array.isArray(step)
}

function identify(recipe: Recipe): string {
  const hash = createHash('sha256').update(compilerIdentity())
  hash.update(JSON.stringify([recipe.name, recipe.steps, (recipe.uses ?? []).map(identify)]))
  const sources = JSON.stringify(recipe.steps).match(/@source\/[\w.]+/g) ?? []
  if (sources.length > 0) hash.update(sourcesIdentity())
  return hash.digest('hex').slice(0, 12)
}

let sources: string | undefined
/** All sources together: they include each other, and are few. */
function sourcesIdentity(): string {
  sources ??= digestOfDirectory(sourceDirectory)
  return sources
}

function digestOfDirectory(directory: string): string {
  const hash = createHash('sha256')
  for (const name of listFiles(directory)) hash.update(name).update(readFileSync(path.join(directory, name)))
  return hash.digest('hex')
}

let compiler: string | undefined
function compilerIdentity(): string {
  if (compiler === undefined) {
    const { size, mtimeMs } = statSync(path.join(llvmBin, 'clang'))
    compiler = `${llvmBin} ${size} ${mtimeMs}`
  }
  return compiler
}
