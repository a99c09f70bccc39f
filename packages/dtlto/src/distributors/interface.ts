/**
 * The contract between dtlto and a distribution system. A *distributor* is a plugin that lives in the linker's process:
 * dtlto calls it with jobs in memory and gets objects back in memory, and it keeps telling dtlto how busy
 * the system behind it is. Everything here is public (`dtlto/plugin`) and versioned by PLUGIN_API_VERSION.
 */

/** Semantic version of this contract. A plugin is accepted if its major version is the same and its minor not newer. */
export const PLUGIN_API_VERSION = '1.0.0'

/** One option that a distributor accepts, as written in `--distribute=NAME,key=value` or in dtlto.toml. */
export type OptionSpec =
  | (OptionOf<string> & { readonly type: 'string'; readonly choices?: readonly string[] })
  | (OptionOf<number> & { readonly type: 'integer'; readonly min?: number; readonly max?: number })
  | (OptionOf<boolean> & { readonly type: 'boolean' })
  /** Several strings; on the command line separated by `+` or blanks, in dtlto.toml an array. */
  | (OptionOf<readonly string[]> & { readonly type: 'list' })

/** What options of every type have. */
export interface OptionOf<T> {
  readonly description: string
  readonly default?: T
  /** Says what is wrong with a value of the right type; undefined: nothing. Called before the link starts, so it must not wait for anything. */
  readonly check?: (value: T) => string | undefined
  /** True if the value names code or a program that is run: from a dtlto.toml that was merely found it then needs the user's consent. */
  readonly runsCode?: boolean
}

export type OptionsSchema = Readonly<Record<string, OptionSpec>>

type ValueOf<S extends OptionSpec> = S extends { type: 'string' }
  ? string
  : S extends { type: 'integer' }
    ? number
    : S extends { type: 'boolean' }
      ? boolean
      : readonly string[]

/** The checked options that `open` receives: an option without a default may be undefined. */
export type OptionValues<S extends OptionsSchema> = {
  readonly [K in keyof S]: S[K] extends { readonly default: unknown } ? ValueOf<S[K]> : ValueOf<S[K]> | undefined
}

/** What a plugin module exports as `default`. Make it with `defineDistributor`, which checks it. */
export interface DistributorDefinition<S extends OptionsSchema = OptionsSchema> {
  /** Lower-case letters, digits and hyphens; shown in warnings, progress and traces. */
  readonly name: string
  /** The version of the plugin API that the plugin was written for, for example '1.0.0'. */
  readonly apiVersion: string
  readonly options: S
  /**
   * `end-to-end`: what it returns is what the compiler made, bit for bit: covered by a digest that the compiling machine computed, or never off this
   * machine. Default: `none`. Objects without it are not kept for later links (`--distribute-cache`).
   */
  readonly integrity?: 'end-to-end' | 'none'
  /**
   * Starts the distributor for one link. It should return quickly: connecting may go on in the background while
   * `status().accepting` is false. Throws (or rejects with) a DtltoError if the distributor cannot be used at all.
   */
  open(context: DistributorContext, options: OptionValues<S>): Distributor | Promise<Distributor>
}

/** What a distributor may know and do; it sees nothing else of dtlto. */
export interface DistributorContext {
  readonly link: LinkFacts
  /** Aborted when the link ends early: cancel all remote work. */
  readonly signal: AbortSignal
  readonly env: Readonly<Record<string, string | undefined>>
  /** Milliseconds on a monotonic clock; virtual in tests. */
  now(): number
  /** How many jobs lld itself would compile here at a time (--thinlto-jobs); 0 until the jobs of the link are known. */
  localSlots(): number
  /** Call it whenever something that `status()` reports has changed: the scheduler balances on it. Cheap; calls are coalesced. */
  statusChanged(): void
  /** Shown to the user once per distributor and `kind` (a stable short string such as 'refused:host-a'), however often it is called. */
  warn(kind: string, message: string): void
  /** Goes to the trace (--distribute-trace) only. */
  debug(message: string): void
}

export interface LinkFacts {
  /** Which lld is linking. */
  readonly flavour: 'elf' | 'mingw' | 'coff' | 'macho' | 'wasm'
  /** For example '22.1.8'. Workers must run the same version. */
  readonly llvmVersion: string
  readonly workingDirectory: string
}

/** A snapshot of a distribution system's inner state. All counts are of jobs. */
export interface DistributorStatus {
  /** Jobs that this distributor can run at the same time. May change during the link. */
  readonly slots: number
  /** Of those, how many are taken, by this link or (where the system tells) by others. */
  readonly busy: number
  /** Accepted by `compile`, but waiting for a slot. */
  readonly queued: number
  /** False while connecting, resting or gone: the scheduler sends nothing. */
  readonly accepting: boolean
  /** Time from sending a job to its start, beyond compiling; measured, in milliseconds. */
  readonly latencyMs?: number
  /** Compile speed relative to one local slot (1 = the same), measured. */
  readonly speed?: number
  /** For people: one short line, for example '3 of 4 servers up'. */
  readonly text?: string
  /** Rows for progress and trace, one for each worker, server or pool. */
  readonly workers?: readonly WorkerStatus[]
}

export interface WorkerStatus {
  readonly name: string
  readonly slots: number
  readonly busy: number
  readonly accepting: boolean
  readonly text?: string
}

/** An open distributor. All methods are called on the event loop of the linker's process. */
export interface Distributor {
  status(): DistributorStatus
  /** All jobs of the link, once, before the first `compile`: upload in one batch, look results up. Optional; failing is only a warning. */
  prepare?(jobs: readonly BackendJob[], signal: AbortSignal): Promise<void>
  /**
   * Compiles one job. Resolves with a result; rejects with a DtltoError for trouble that is not the job's fault
   * (a lost machine, a broken wire): only that is retried elsewhere. When `signal` is aborted the result is not wanted any
   * more: stop the remote work and reject.
   */
  compile(job: BackendJob, signal: AbortSignal): Promise<CompileResult>
  /** Drains and releases everything. May be called twice. */
  close(): Promise<void>
  /** Releases everything at once. May be called twice, also after `close`. */
  destroy(): void
}

export type CompileResult = CompiledObject | CompiledHere | DoesNotCompile | CannotExpress

export interface CompiledObject {
  readonly kind: 'object'
  /** The native object (or assembly), exactly as LLVM emitted it. */
  readonly object: Uint8Array
  /** Warnings and remarks, in the order of their emission. */
  readonly diagnostics: readonly Diagnostic[]
  /** What the backend printed on stderr beside diagnostics. */
  readonly stderr?: string
  /** Further files of the job: .dwo, remarks. */
  readonly sideOutputs: readonly SideOutput[]
  readonly timings: CompileTimings
  /** The worker that made it, one of `status().workers`. */
  readonly worker?: string
}

/** `job.compileInProcess()` made the object: it is in lld's hands already. */
export interface CompiledHere {
  readonly kind: 'here'
  readonly timings: CompileTimings
  readonly worker?: string
}

/** The job itself is at fault. It is compiled once more in this process, so that the user reads lld's own words. */
export interface DoesNotCompile {
  readonly kind: 'does-not-compile'
  readonly diagnostics: readonly Diagnostic[]
  readonly worker?: string
}

/** This distributor has no way to express the job; not a failure. It goes elsewhere. */
export interface CannotExpress {
  readonly kind: 'cannot'
  /** Names the option or feature, for example '--lto-O0 has no spelling in clang'. */
  readonly reason: string
}

export interface Diagnostic {
  readonly severity: 'error' | 'warning' | 'remark' | 'note'
  readonly message: string
}

export interface SideOutput {
  readonly kind: 'dwo' | 'remarks' | 'time-trace'
  readonly path: string
  readonly bytes: Uint8Array
}

/** All in milliseconds; left out where unknown. */
export interface CompileTimings {
  readonly queuedMs?: number
  readonly sendMs?: number
  readonly compileMs?: number
  readonly receiveMs?: number
}

/** Bytes with a name, a part of a job. */
export interface JobFile {
  /** Relative, with `/`, without `..`; unique within the job. */
  readonly name: string
  readonly sizeBytes: number
  /** SHA-256 in lower-case hexadecimal; computed on first use, shared by all jobs that hold the same module. */
  digest(): string
  /** The content in pieces, one after the other. Views on the linker's memory: valid until the job has ended, never to be written to. */
  parts(): readonly Uint8Array[]
  /** The content in one piece; a copy if it has several. */
  bytes(): Uint8Array
}

/** One ThinLTO backend: a module to be optimised and compiled with what it imports. Facts are free; bytes are made when asked for. */
export interface BackendJob {
  /** Position in the link, 0-based and stable. */
  readonly index: number
  /** LLVM's task number: it names .dwo and remarks files. */
  readonly task: number
  /** The module's name as lld knows it, for example 'libfoo.a(bar.o at 1234)'. */
  readonly moduleId: string
  /** For example 'x86_64-unknown-linux-gnu'. */
  readonly targetTriple: string
  readonly bitcodeBytes: number
  /** How many other modules it imports definitions from. */
  readonly importedModules: number
  /** Estimated work: IR instructions of the module and of what it imports, from the summaries. */
  readonly cost: number
  /** LLVM's ThinLTO cache key, 40 hexadecimal digits: equal keys mean equal objects. Empty when the module has no hash. */
  cacheKey(): string
  /** Compiles it on a native thread of this process, exactly as lld would, into lld's hands. */
  compileInProcess(signal?: AbortSignal): Promise<CompiledHere | DoesNotCompile>
  /** The job for `dtlto-codegen`: exact, every option; or why it must be compiled in this process. Made anew for each call. */
  forWorker(): Promise<WorkerJob | CannotExpress>
  /** The job as arguments and files for a stock clang, or why clang cannot express it. Made anew for each call. */
  forClang(): Promise<ClangJob | CannotExpress>
}

/**
 * A job for `dtlto-codegen`, complete in itself. Modules have canonical names in it, so the same job made in another directory by
 * another user has the same bytes. Format of manifest, messages and results: packages/native/src/llvm/job_codec.cpp.
 */
export interface WorkerJob {
  readonly kind: 'worker'
  readonly llvmVersion: string
  readonly task: number
  /** The object's name that COFF objects hold; empty for other formats. */
  readonly objectName: string
  /** LLVM options to replay in the worker, before the job. */
  readonly replayedArgs: readonly string[]
  /** The job's own module first, then imports, index, options, further files. */
  readonly blobs: readonly WorkerBlob[]
}

export interface WorkerBlob {
  readonly role: 'own' | 'import' | 'index' | 'options' | 'file'
  /** The canonical name of a module, or the option that a file belongs to. */
  readonly label: string
  readonly file: JobFile
}

/** `clang <args>` run in a directory that holds `files` writes the object to `output`. */
export interface ClangJob {
  readonly kind: 'clang'
  /** Everything after the compiler's name, one argument each: `-c -x ir <module> -fthinlto-index=<index> -o <output> …`. */
  readonly args: readonly string[]
  /** The module to compile, its individual index, and the modules it imports from. */
  readonly files: readonly JobFile[]
  readonly module: string
  readonly index: string
  readonly output: string
}
