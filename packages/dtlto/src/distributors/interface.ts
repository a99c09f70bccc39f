/**
 * The contract between dtlto and a distribution system. A *distributor* is a plugin that lives in the linker's process:
 * dtlto calls it with jobs in memory and gets objects back in memory, and it keeps telling dtlto what its
 * endpoints are and how busy they are. Everything here is public (`dtlto/plugin`) and versioned by PLUGIN_API_VERSION.
 */

/** Semantic version of this contract. A plugin is accepted if its major version is the same and its minor not newer. */
export const PLUGIN_API_VERSION = '2.13.0'

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
  /** True if the value may name files or variables whose contents are sent to a server: consent as with `runsCode`. */
  readonly readsSecrets?: boolean
  /** True if the value names a server that what `readsSecrets` gives is sent to: where such an option is set, consent as with `runsCode`. Since 2.1. */
  readonly receivesSecrets?: boolean
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
  /** The version of the plugin API that the plugin was written for, for example '2.0.0'. */
  readonly apiVersion: string
  readonly options: S
  /**
   * `end-to-end`: what it returns is what the compiler made, bit for bit: covered by a digest that the compiling machine computed, or never off this
   * machine. Default: `none`. Objects without it are not kept for later links (`--distribute-cache`).
   */
  readonly integrity?: 'end-to-end' | 'none'
  /**
   * Whether, with these options, it keeps what others have compiled: then its `storeResult` is called. Asked before the link starts, so that a
   * link in which nobody wants results has no cost for it. Since 2.1.
   */
  storesResults?(options: OptionValues<S>): boolean
  /**
   * What compiles with these options: `dtlto-codegen`, from a package's blobs, or a stock `clang`, by `forClang`. Jobs that are commands for clang (of stock lld,
   * through dtlto-distributor) are not for the first, and then that is said before anything starts. Since 2.4.
   */
  compilesWith?(options: OptionValues<S>): 'dtlto-codegen' | 'clang'
  /**
   * Starts the distributor for one link. It should return quickly: connecting may go on in the background while its endpoints are not
   * `accepting`. Throws (or rejects with) a DtltoError if the distributor cannot be used at all.
   */
  open(context: DistributorContext, options: OptionValues<S>): Distributor | Promise<Distributor>
}

/** What a distributor may know and do; it sees nothing else of dtlto. */
export interface DistributorContext {
  readonly link: LinkFacts
  /** Aborted when the link ends early: cancel all remote work. */
  readonly signal: AbortSignal
  readonly env: Readonly<Record<string, string | undefined>>
  /** Where the user wrote each option that is set, for messages: 'the command line', a file and its line, a variable. Since 2.3. */
  readonly optionPlaces?: Readonly<Record<string, string>>
  /** Milliseconds on a monotonic clock; virtual in tests. */
  now(): number
  /** How many jobs lld itself would compile at a time (--thinlto-jobs); 0 until the jobs of the link are known. */
  localSlots(): number
  /** Call it whenever something that `endpoints()` reports has changed: the scheduler balances on it. Cheap; calls are coalesced. */
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

/**
 * Where jobs run, and the unit of scheduling: a machine, a pool of processes, or a cluster with a queue of its own. The scheduler decides which
 * endpoint gets which job and alone has queue, speed, probing, rest, duplicates and deadlines; a distributor only says what there is. All counts are
 * of jobs. The object may be the distributor's own, with getters: `compile` and `probe` get it back as it is.
 */
export interface Endpoint {
  /** Unique within the distributor and stable; shown to users: a host's name, a cluster's address. */
  readonly id: string
  /** Jobs that it can run at the same time. May change during the link. */
  readonly slots: number
  /** False while connecting, closing or gone for good: the scheduler sends nothing. */
  readonly accepting: boolean
  /** Slots that others use, where the system tells. Work of this link does not count. Default 0. */
  readonly busyElsewhere?: number
  /** Compile speed relative to one slot of the linking machine (1 = the same), measured. The scheduler measures, too. */
  readonly speed?: number
  /** From sending a job to its start, beyond compiling; measured, in milliseconds. */
  readonly latencyMs?: number
  /**
   * True: jobs wait in a queue of the system's own, and `attempt.started()` tells when each begins. Until then it is neither late nor has it a
   * deadline. Default false: a job begins when it is sent.
   */
  readonly hasQueue?: boolean
  /** Milliseconds that a job may wait in that queue before it is given to somebody else. Default: 10 minutes. */
  readonly queueLimitMs?: number
  /** The system's own limit for one job, in milliseconds from its start. The scheduler's deadline is never later. */
  readonly deadlineMs?: number
  /** For people: one short line, for example 'load 3.2, 40 GB free'. */
  readonly text?: string
}

/** One try to compile a job at one endpoint. */
export interface Attempt {
  /** Aborted when the result is not wanted any more: stop the remote work and reject. */
  readonly signal: AbortSignal
  /** The remote work begins now: call it once, where the endpoint says `hasQueue`. */
  started(): void
  /**
   * All that the job needs has been sent, so that nothing of it waits in this process any more. There are limits on what does (1 GiB a link), so a system with thousands of
   * slots needs it; and while much does, jobs start that take little to be sent. `started()` and the end let go of them, too. dtlto always passes this function; code that wraps a distributor may leave it out. Since 2.6.
   */
  sent?(): void
}

/** What a link knows of its jobs while it runs. */
export interface WaitingJobs {
  /** Nobody compiles the job, and nobody has. Costs nothing. */
  isWaiting(job: BackendJob): boolean
}

/** An open distributor. All methods are called on the event loop of the linker's process. */
export interface Distributor {
  /** A snapshot, at once. `context.statusChanged()` says that there is another. An endpoint that is not in it any more gets no jobs. */
  endpoints(): readonly Endpoint[]
  /**
   * All jobs of the link, once, before the first `compile`: upload in one batch, look results up. Since 2.10 in the order in which they are likely to start, and with what tells
   * of each whether it waits. Optional; failing is only a warning.
   */
  prepare?(jobs: readonly BackendJob[], signal: AbortSignal, waiting: WaitingJobs): Promise<void>
  /**
   * Whether an endpoint works. Called before its first job, after each rest, and when its jobs are late. Rejects with a DtltoError for trouble that
   * may pass (the endpoint rests and is asked again), with DTLTO_ENDPOINT_REFUSED when it cannot be used in this link at all. Optional: without
   * it an endpoint works until a job shows otherwise, and after a rest the shortest job is the probe.
   */
  probe?(endpoint: Endpoint, signal: AbortSignal): Promise<void>
  /**
   * Compiles one job at one of its endpoints. Resolves with a result; rejects with a DtltoError for trouble that is not the job's fault
   * (a lost machine, a broken wire): only that is retried elsewhere.
   */
  compile(job: BackendJob, endpoint: Endpoint, attempt: Attempt): Promise<CompileResult>
  /**
   * A job has its object, made by somebody else: keep it for later links. Called where `storesResults` was true, for jobs whose result is that of any
   * compile of the same job, and whose object somebody vouches for (`integrity`). It goes on beside compiling and the final link; when lld has ended, the
   * link waits 5 s for the next of them to end, 15 s in all, and then aborts the signal. Rejecting is one warning, and nothing more is offered. Since 2.1.
   */
  storeResult?(finished: FinishedJob, signal: AbortSignal): Promise<void>
  /** For `dtlto doctor`: what it finds out about its servers and its permissions beyond a small job. Never called in a link. Since 2.1. */
  selfCheck?(signal: AbortSignal): Promise<readonly SelfCheck[]>
  /** There are no more jobs, and no results to store: drains and releases everything, while lld goes on. May be called twice. */
  close(): Promise<void>
  /** Releases everything at once. May be called twice, also after `close`. */
  destroy(): void
}

export type CompileResult = CompiledObject | DoesNotCompile | CannotExpress

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
  /** The machine that made it, where the endpoint has several. */
  readonly worker?: string
}

/** One thing that a distributor has looked at for the user. */
export interface SelfCheck {
  /** `note`: not as it might be. `warning`: a part of what the options ask for does not work. `bad`: it cannot work; no job is tried then. */
  readonly level: 'good' | 'note' | 'warning' | 'bad'
  /** One line. */
  readonly text: string
  /** What to do: one line. */
  readonly remedy?: string
}

/** A job that is done, as bytes and for good. */
export interface FinishedJob {
  readonly job: BackendJob
  /** Digests of its contents may be asked for; their bytes may be lld's alone by now. */
  readonly package: JobPackage
  readonly object: JobContent
  /** As in CompiledObject: with the names that modules have in this link. */
  readonly diagnostics: readonly Diagnostic[]
  readonly stderr?: string
  readonly sideOutputs: readonly SideOutput[]
}

/** The job itself is at fault. It is compiled once more in the linker's process, so that the user reads lld's own diagnostics. */
export interface DoesNotCompile {
  readonly kind: 'does-not-compile'
  readonly diagnostics: readonly Diagnostic[]
  readonly worker?: string
}

/** There is no way to express the job; not a failure. It goes elsewhere, and this distributor is not asked for it again. */
export interface CannotExpress {
  readonly kind: 'cannot'
  /** True: only this endpoint cannot (its compiler lacks the target, say); others of the distributor may. Default false. */
  readonly onlyThisEndpoint?: boolean
  /** True: there is nothing to tell the user, a cache just does not have the job. Default false. */
  readonly isMiss?: boolean
  /** Names the option or feature, for example '--lto-O0 has no spelling in clang'. */
  readonly reason: string
}

export interface Diagnostic {
  readonly severity: 'error' | 'warning' | 'remark' | 'note'
  readonly message: string
}

export interface SideOutput {
  readonly kind: 'dwo' | 'remarks'
  readonly path: string
  readonly bytes: Uint8Array
}

/** All in milliseconds; left out where unknown. */
export interface CompileTimings {
  readonly queuedMs?: number
  readonly sendMs?: number
  /** The machine that compiles gets what it needs, from wherever it lies. Since 2.1. */
  readonly fetchMs?: number
  readonly compileMs?: number
  /** That machine puts what it has made where it is taken from. Since 2.1. */
  readonly handOverMs?: number
  readonly receiveMs?: number
}

/** Bytes that jobs share: a module is in its own job and in those that import from it. Immutable. */
export interface JobContent {
  /** Equal ids, equal bytes, within one link: a short word. */
  readonly id: string
  readonly sizeBytes: number
  /** SHA-256 in lower-case hexadecimal. Computed in slices that leave the event loop to others, large ones on another thread, and once a link however many jobs hold the content. */
  digest(): Promise<string>
  /** Views on the linker's memory, never to be written to. Call `release` when they have been read: their memory may go then. */
  lease(): ContentLease
  /** A copy in one piece, yours to keep. */
  bytes(): Uint8Array
}

export interface ContentLease {
  /** The content in pieces, one after the other. */
  readonly parts: readonly Uint8Array[]
  /** May be called twice. */
  release(): void
}

/** A content under a name. */
export interface JobFile {
  /** Relative, with `/`, without `..`; unique within the job. */
  readonly name: string
  readonly content: JobContent
  /** As of JobBlob. */
  readonly unread?: () => Promise<UnreadRanges>
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
  /** Size of those. */
  readonly importedBytes: number
  /** Estimated work, in IR instructions: those of the module and of what it imports, from the summaries, and one for each 2,500 bytes of the modules that it imports from, whose metadata is read. */
  readonly cost: number
  /** LLVM's ThinLTO cache key, 40 hexadecimal digits: equal keys mean equal objects. Empty where there is none: the module has no hash, or the key does not cover all. */
  cacheKey(): string
  /**
   * The job as bytes, complete in itself; or why it must be compiled in the linker's process. Made once: all attempts and distributors
   * share it.
   */
  package(): Promise<JobPackage | CannotExpress>
}

/**
 * A job that leaves the process. Modules have canonical names in it, so the same job made in another directory by another user has the same
 * bytes. For `dtlto-codegen`, which compiles it exactly, it is rendered by `codegenMessage` and `codegenDirectory`; for a stock clang by
 * `forClang`. Renderings are pure: they copy no content.
 */
export interface JobPackage {
  readonly kind: 'package'
  readonly llvmVersion: string
  readonly task: number
  /** The object's name that COFF objects hold; empty for other formats. */
  readonly objectName: string
  /** LLVM options to replay in the worker, before the job. */
  readonly replayedArgs: readonly string[]
  /** The job's own module first, then imports, index, options, further files. */
  readonly blobs: readonly JobBlob[]
  /** Why dtlto-codegen cannot compile it: `codegenMessage` and `codegenDirectory` throw DTLTO_OPTION_INVALID with this. Since 2.4. */
  readonly needsClang?: string
  /** Arguments and files for a stock clang; or why clang cannot express the job. Made once. */
  forClang(): Promise<ClangJob | CannotExpress>
}

export interface JobBlob {
  readonly role: 'own' | 'import' | 'index' | 'options' | 'file'
  /** The canonical name of a module, or the option that a file belongs to. */
  readonly label: string
  readonly content: JobContent
  /**
   * Of a module that the job imports from: what its compile does not need, mostly functions that it does not import, and their debug information. For systems that
   * send each job's contents anew: most of a module need not go (`leaveUnread`). Whoever keeps contents by their digests sends modules whole, once, for they are the same for all jobs.
   */
  readonly unread?: () => Promise<UnreadRanges>
}

/**
 * Ranges of a content, three numbers each, in order, apart from each other: offset, size (4, or at least 8; before 2.8 at least 8), and the number that the first
 * four bytes must be, little-endian. The other bytes of a range are not read. Best are 0xFF: whatever reads them after all fails. Empty if all is read.
 */
export type UnreadRanges = Uint32Array

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
