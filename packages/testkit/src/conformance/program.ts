import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { SavedJob } from './capture.js'
import { CapturedJob } from './captured-job.js'

const MODULES = 6

/** A small C program, compiled by clang and linked by dtlto: what the checks compile. */
export class Program {
  /** Short ones that import from each other. */
  readonly jobs: readonly CapturedJob[]
  /** One that takes a second or so. */
  readonly slowJob: CapturedJob
  readonly llvmVersion: string
  readonly #directory: string
  readonly #objects: readonly string[]

  constructor(clang: string) {
    this.#directory = mkdtempSync(join(tmpdir(), 'dtlto-conformance-'))
    process.once('exit', () => rmSync(this.#directory, { recursive: true, force: true }))
    const sources = { ...shortModules(), 'slow (1).c': slowModule() }
    for (const [name, text] of Object.entries(sources)) writeFileSync(join(this.#directory, name), text)
    this.#run(clang, ['-flto=thin', '-O2', '-g', '-c', ...Object.keys(sources)])
    this.#objects = Object.keys(sources).map((name) => name.replace('.c', '.o'))
    const capture = fileURLToPath(new URL('capture.js', import.meta.url))
    this.link(`${capture},directory=jobs`, 'local', ['--lto-obj-path=object'])
    const all = readdirSync(join(this.#directory, 'jobs'))
      .filter((name) => name.endsWith('.json'))
      .map((name) => this.#job(name))
    this.jobs = all.filter(({ moduleId }) => !moduleId.startsWith('slow'))
    this.slowJob = all.find(({ moduleId }) => moduleId.startsWith('slow')) as CapturedJob
    this.llvmVersion = /version (\d+\.\d+\.\d+)/.exec(this.#run(clang, ['--version']))?.[1] ?? ''
  }

  /** A whole link with that distributor and no other; gives the output's bytes. `fallback`: who compiles what it does not. */
  link(distributor: string, fallback: 'local' | 'none' = 'none', args: readonly string[] = []): Buffer {
    const linker = join(dirname(createRequire(import.meta.url).resolve('dtlto/package.json')), 'bin/ld.dtlto')
    const ours = [`--distribute=${distributor}`, `--distribute-fallback=${fallback}`]
    this.#run(linker, ['-shared', ...this.#objects, '-o', 'program', ...ours, ...args])
    return readFileSync(join(this.#directory, 'program'))
  }

  #job(name: string): CapturedJob {
    const directory = join(this.#directory, 'jobs')
    const saved = JSON.parse(readFileSync(join(directory, name), 'utf8')) as SavedJob
    return new CapturedJob(directory, readFileSync(join(this.#directory, `object${String(saved.facts.task)}`)), saved)
  }

  #run(command: string, args: readonly string[]): string {
    try {
      return execFileSync(command, args, { cwd: this.#directory, encoding: 'utf8', stdio: 'pipe', timeout: 120_000 })
    } catch (error) {
      const { stderr } = error as { readonly stderr?: string }
      throw new Error(`'${command}' failed: ${stderr ?? String(error)}`, { cause: error })
    }
  }
}

const made = new Map<string, Program>()

/** Made once for all suites of a process. */
export function program(clang: string): Program {
  const known = made.get(clang) ?? new Program(clang)
  made.set(clang, known)
  return known
}

function shortModules(): Record<string, string> {
  const sources = Array.from({ length: MODULES }, (_, i) => {
    const next = `part${String((i + 1) % MODULES)}`
    const text = `int ${next}(int); static int calls;
int part${String(i)}(int x) { return x > 99 ? x + calls++ : ${next}(x * ${String(i + 2)} + 1); }\n`
    return [`part${String(i)}.c`, text]
  })
  return Object.fromEntries(sources) as Record<string, string>
}

function slowModule(): string {
  const functions = Array.from({ length: 24 }, (_, i) => {
    const steps = Array.from({ length: 12 }, (_, k) => {
      const from = `a[(i * ${String(k + 7)}) % n]`
      return `for (int i = 0; i < n; i++) a[i] = a[i] * ${String(k + i + 3)} + (${from} >> ${String((k % 5) + 1)});`
    })
    return `int slow${String(i)}(int *a, int n) { ${steps.join(' ')} return a[0]; }`
  })
  return `${functions.join('\n')}\n`
}
