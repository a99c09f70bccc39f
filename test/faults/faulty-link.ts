/** Links of a small program with misbehaving.js, beside what stock lld makes of it. */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CLANG, DTLTO, must, STOCK } from '../link/toolchain.js'

const PLUGIN = fileURLToPath(new URL('misbehaving.js', import.meta.url))
export const MODULES = 12

export interface FaultyLink {
  readonly exitCode: number | null
  readonly stderr: string
  readonly elapsedMs: number
  /** What the link has left beside its output. */
  readonly strays: readonly string[]
  /** The output is there, with the bytes of stock lld. */
  readonly isRight: boolean
}

/** A program of twelve modules that import from each other, compiled once and linked by stock lld. */
export class FaultyLinks {
  readonly #directory = mkdtempSync(join(tmpdir(), 'dtlto-faults-'))
  /** One link must not know what the one before has learnt of the distributor. */
  readonly #memories = mkdtempSync(join(tmpdir(), 'dtlto-faults-'))
  readonly #objects: readonly string[]
  readonly #stock: Buffer
  #links = 0

  constructor() {
    const sources = Array.from({ length: MODULES }, (_, i) => {
      const [name, next] = [`part${String(i)}`, `part${String((i + 1) % MODULES)}`]
      writeFileSync(
        join(this.#directory, `${name}.c`),
        `int ${next}(int); static int calls; int ${name}(int x) { return x > 99 ? x + calls++ : ${next}(x * ${String(i + 2)} + 1); }\n`,
      )
      return `${name}.c`
    })
    must(CLANG, ['-flto=thin', '-O2', '-c', ...sources], { cwd: this.#directory })
    must(CLANG, ['-O2', '-c', 'part0.c', '-o', 'other.obj'], { cwd: this.#directory })
    this.#objects = sources.map((source) => source.replace('.c', '.o'))
    must(STOCK, ['-shared', ...this.#objects, '-o', 'stock'], { cwd: this.#directory })
    this.#stock = readFileSync(join(this.#directory, 'stock'))
  }

  /** `args`: `FAULT` stands for the plugin with that fault. Kills the linker after `limitMs`. */
  run(fault: string, args: readonly string[], limitMs: number): Promise<FaultyLink> {
    const link = String(this.#links++)
    const output = join(this.#directory, `out${link}`)
    mkdirSync(join(this.#memories, link))
    const startMs = performance.now()
    const ours = args.map((arg) => arg.replace('FAULT', `${PLUGIN},fault=${fault}`))
    const linker = spawn(DTLTO, ['-shared', ...this.#objects, '-o', output, ...ours], {
      cwd: this.#directory,
      env: {
        ...process.env,
        FAULTS_OBJECT: join(this.#directory, 'other.obj'),
        XDG_RUNTIME_DIR: join(this.#memories, link),
      },
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: limitMs,
      killSignal: 'SIGKILL',
    })
    let stderr = ''
    linker.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    return new Promise((resolve, reject) => {
      linker.on('error', reject)
      linker.on('close', (exitCode) => {
        const strays = readdirSync(this.#directory).filter(
          (name) => !/^(part\d+\.[co]|out\d+|other\.obj|stock)$/.test(name),
        )
        resolve({ exitCode, stderr, elapsedMs: performance.now() - startMs, strays, isRight: this.#isRight(output) })
      })
    })
  }

  remove(): void {
    for (const directory of [this.#directory, this.#memories]) rmSync(directory, { recursive: true, force: true })
  }

  #isRight(output: string): boolean {
    try {
      return readFileSync(output).equals(this.#stock)
    } catch {
      return false
    }
  }
}
