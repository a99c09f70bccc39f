import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { BackendJob, CannotExpress, ClangJob, JobFile, JobPackage } from 'dtlto/plugin'
import { CLANG, LLVM } from './llvm.js'

export interface ProgramOptions {
  /** C sources by relative path. */
  readonly sources?: Readonly<Record<string, string>>
  readonly target?: string
  readonly compileArgs?: readonly string[]
}

/** A small program, compiled with clang for ThinLTO and thin-linked by lld: real modules, indices and import lists. */
export class Program {
  readonly directory: string
  readonly #target: string
  readonly #modules: readonly string[]

  constructor({ sources = SOURCES, target = 'x86_64-unknown-linux-gnu', compileArgs = [] }: ProgramOptions = {}) {
    this.directory = mkdtempSync(join(tmpdir(), 'dtlto-program-'))
    this.#target = target
    this.#modules = Object.keys(sources).map((path) => path.replace(/\.c$/, '.o'))
    for (const [path, text] of Object.entries(sources)) {
      mkdirSync(dirname(join(this.directory, path)), { recursive: true })
      writeFileSync(join(this.directory, path), text)
      const to = ['-o', path.replace(/\.c$/, '.o')]
      this.#run(CLANG, [`--target=${target}`, '-flto=thin', '-O2', '-g', ...compileArgs, '-c', path, ...to])
    }
    const linker = ['--thinlto-index-only', '--thinlto-emit-imports-files', '-shared', '-u', 'start']
    this.#run(`ld.lld-${LLVM}`, [...linker, ...this.#modules, '-o', 'unused'])
  }

  get jobs(): TestJob[] {
    return this.#modules.map((module, index) => this.job(module, index))
  }

  job(module: string, index = 0, extraArgs: readonly string[] = []): TestJob {
    const imports = this.#read(`${module}.imports`)
      .toString()
      .split('\n')
      .filter((name) => name !== '')
    const files = [module, ...imports].map((name) => jobFile(name, this.#read(name)))
    const shard = jobFile('s', this.#read(`${module}.thinlto.bc`))
    const args = [
      '-c',
      `--target=${this.#target}`,
      '-x',
      'ir',
      module,
      '-fthinlto-index=s',
      '-O2',
      '-ffunction-sections',
      '-fdata-sections',
      ...extraArgs,
    ]
    return new TestJob(index, this.#target, { args, module, index: 's', files: [...files, shard] })
  }

  /** The object that the same clang makes on this machine. */
  compileLocally(job: TestJob): Buffer {
    const work = mkdtempSync(join(tmpdir(), 'dtlto-local-'))
    try {
      for (const file of job.clang.files) {
        mkdirSync(dirname(join(work, file.name)), { recursive: true })
        writeFileSync(join(work, file.name), file.content.bytes())
      }
      execFileSync(CLANG, job.clang.args, { cwd: work, stdio: ['ignore', 'ignore', 'inherit'] })
      return readFileSync(join(work, job.clang.output))
    } finally {
      rmSync(work, { recursive: true, force: true })
    }
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true })
  }

  #read(path: string): Buffer {
    return readFileSync(join(this.directory, path))
  }

  #run(command: string, args: readonly string[]): void {
    execFileSync(command, args, { cwd: this.directory, stdio: ['ignore', 'ignore', 'inherit'] })
  }
}

export function jobFile(name: string, bytes: Uint8Array): JobFile {
  const digest = createHash('sha256').update(bytes).digest('hex')
  return {
    name,
    content: {
      id: digest,
      sizeBytes: bytes.length,
      digest: () => Promise.resolve(digest),
      lease: () => ({ parts: [bytes], release: () => undefined }),
      bytes: () => bytes,
    },
  }
}

/** A job that clang can express, or whatever a test makes of it. */
export class TestJob implements BackendJob {
  readonly index: number
  readonly task: number
  readonly moduleId: string
  readonly targetTriple: string
  readonly bitcodeBytes: number
  readonly importedModules: number
  readonly importedBytes: number
  readonly cost: number
  readonly clang: ClangJob
  readonly #answer: ClangJob | CannotExpress

  constructor(
    index: number,
    targetTriple: string,
    clang: Pick<ClangJob, 'args' | 'files' | 'module' | 'index'>,
    answer?: CannotExpress,
  ) {
    this.index = index
    this.task = index + 1
    this.moduleId = clang.module
    this.targetTriple = targetTriple
    this.bitcodeBytes = clang.files[0]?.content.sizeBytes ?? 0
    this.importedModules = clang.files.length - 2
    this.importedBytes = clang.files.slice(1).reduce((sum, { content }) => sum + content.sizeBytes, 0)
    this.cost = this.bitcodeBytes
    this.clang = { kind: 'clang', output: 'out.o', ...clang, args: [...clang.args, '-o', 'out.o'] }
    this.#answer = answer ?? this.clang
  }

  cacheKey(): string {
    return ''
  }

  package(): Promise<JobPackage> {
    return Promise.resolve({
      kind: 'package',
      llvmVersion: '',
      task: this.task,
      objectName: '',
      replayedArgs: [],
      blobs: [],
      forClang: () => Promise.resolve(this.#answer),
    })
  }
}

const SOURCES: Readonly<Record<string, string>> = {
  'main.c': `int square(int); int twice(int); extern const char *name(void); int use(const char *);
int start(int x) { return square(x) + twice(x) + use(name()); }`,
  'maths (1).c': `static int calls; int square(int x) { calls++; return x * x; } int twice(int x) { return 2 * x + calls; }`,
  'sub dir/odd "name" \\ $x.c': `const char *name(void) { return "a \\"quoted\\" name"; }
int use(const char *s) { int n = 0; while (*s) n = n * 31 + *s++; return n; }`,
}
