/** The whole contract between C++ and TypeScript. Its other side is src/addon.cpp and src/napi. */

/** Facts of one backend job, in lld's own order. */
export interface NativeJobFacts {
  readonly task: number
  readonly moduleId: string
  readonly targetTriple: string
  readonly bitcodeBytes: number
  /** IR instructions of the module and of the functions that it imports, from the summaries. */
  readonly instructions: number
  readonly importedModules: number
  /** Size of their bitcode. */
  readonly importedBytes: number
}

/**
 * What a native compile of a job came to. 'failed': it does not compile, lld reports it. 'lost': another attempt had
 * settled the job, or the link was cancelled, before this one had an object.
 */
export type NativeCompileOutcome = 'compiled' | 'failed' | 'lost'

/** Which of lld's drivers does a link. */
export type NativeDriver = 'elf' | 'coff' | 'mingw' | 'macho' | 'wasm'

/**
 * 'driver-chosen': lld begins; not sent when it knows no driver by the program's name. 'jobs-ready': lld waits; the set of jobs is fixed. 'job-compiled': an answer to `compileInProcess`;
 * `endedMs` is when, in milliseconds on the clock of `process.hrtime`. 'finished': the last event; lld has
 * ended with this exit code.
 */
export type NativeLinkEvent = (
  ...event:
    | [kind: 'driver-chosen', driver: NativeDriver]
    | [kind: 'jobs-ready']
    | [kind: 'job-compiled', index: number, outcome: NativeCompileOutcome, compileMs: number, endedMs: number]
    | [kind: 'finished', exitCode: number]
) => void

/**
 * A link that runs on a thread of its own. What concerns a job, or the link's jobs, throws when lld does not wait for them; `jobs`, `localSlots`
 * and `moduleParts` give nothing then, and `diagnose` does nothing.
 */
export interface NativeLink {
  jobs(): NativeJobFacts[]
  /** How many jobs lld itself would compile at a time: --thinlto-jobs or its default. */
  localSlots(): number
  /** ThinLTO modules of the link, those that lld's cache had among them. 0 until they are known; at any time. */
  thinModules(): number
  cacheHits(): number
  /** The ids of the modules that a job imports from. */
  importedModules(index: number): string[]
  /** Whether lld has reported errors already: the link fails, whatever its objects are. */
  hasErrors(): boolean
  /** Queues the job for a native thread; answered by a 'job-compiled' event. `takeNotes`: `madeHere` will be asked for. */
  compileInProcess(index: number, takeNotes: boolean): void
  /**
   * What a compile in this process with `takeNotes` has made, so that it may be used in place of another compile of the same job; once. Undefined if it
   * was not noted, or does not tell all: something was printed that is no diagnostic, or inline assembly may have read files.
   */
  madeHere(index: number): NativeMade | undefined
  /**
   * Gives lld a copy of an object; with `toCache` through the link's ThinLTO cache, if it has one, where later links find it. False if the job
   * is settled already. What cannot be stored is lld's error.
   */
  deliver(index: number, object: Uint8Array, toCache: boolean): boolean
  /** Settles a job as failed; lld reports the message as its error. */
  fail(index: number, message: string): void
  /** The file in lld's ThinLTO cache that holds the job's object, or will; '' without a cache. */
  cacheEntry(index: number): string
  /** LLVM's ThinLTO cache key of the job, or '' when its module carries no hash, or its object depends on what is not in the key (LLVM 23's library functions). */
  cacheKey(index: number): string
  /**
   * Standalone bitcode of a module of the link, in parts to be read one after the other. With `capture` they are copies. Without, the bulk
   * is a view on an input of lld, which stays mapped until the process ends: who still reads it when the link goes on (a write to a
   * socket) reads the right bytes, though `resume` and `cancel` detach the view (length 0) where Node lets them. Empty for an unknown module.
   */
  moduleParts(moduleId: string): Uint8Array[]
  /** Takes what is mapped of all modules out of this process's memory, until somebody reads it again; on another thread. Does nothing when lld does not wait. */
  forgetModules(): void
  /**
   * The link's code generation options for workers elsewhere. `replayedArgs`: LLVM options that lld was given and that its Config does
   * not hold. The same for every job; ask once.
   */
  remoteOptions(replayedArgs: readonly string[]): NativeRemoteOptions
  /**
   * The job's individual index with canonical module names. Made on another thread. `forClang`: what `clangModule` and `unreadImports` would give is made with it, on one
   * way there and back.
   */
  remoteIndex(index: number, forClang: boolean): Promise<NativeRemoteIndex>
  /** What a stock clang must be told about the job's module, beside the options of the link. Made on another thread. */
  clangModule(index: number): Promise<NativeClangModule>
  /** What the job's compile does not read of the modules that it imports definitions from. Made on another thread. */
  unreadImports(index: number): Promise<NativeUnreadImport[]>
  /** The name that the object must hold of itself, where its format has one (COFF). */
  objectPathName(index: number): string
  /**
   * '' when the bytes may be given to lld as an object of this link, else why not (empty, damaged, truncated, of another target). Works on
   * another thread and on a copy that is made before it returns.
   */
  checkObject(object: Uint8Array): Promise<string>
  /** The same on this thread, for objects that are looked through sooner than another thread is asked. */
  checkObjectNow(object: Uint8Array): string
  /** The files that the job's backend writes beside its object. */
  sideOutputPaths(index: number): string[]
  /** A diagnostic of a compile elsewhere, to lld. */
  diagnose(severity: 'error' | 'warning' | 'remark' | 'note', text: string): void
  /**
   * The object as this process makes it, for comparison. Settles nothing, but writes the files beside it (.dwo, remarks) where lld would.
   * Rejects if it does not compile.
   */
  compileToMemory(index: number): Promise<Uint8Array>
  /** Every job is settled: lld goes on. */
  resume(): void
  /** lld ends with an error as soon as it can; compiles that run are waited for, none is begun. */
  cancel(): void
  capturedStdout(): string
  capturedStderr(): string
}

export interface NativeMade {
  /**
   * In a linker program a view on lld's memory, which is neither written to nor freed until the process ends; with `capture` a copy. Empty if the object is
   * in the file `path`, an entry of the ThinLTO cache.
   */
  readonly object: Uint8Array
  readonly path: string
  /** `namesModule`: lld puts the module's id and a space before it. */
  readonly diagnostics: readonly {
    readonly severity: 'error' | 'warning' | 'remark' | 'note'
    readonly text: string
    readonly namesModule: boolean
  }[]
}

/** The code generation options of a link. */
export interface NativeRemoteOptions {
  /** Not empty: the jobs of this link must be compiled in this process, and why. The other fields are then empty. */
  readonly reasonNotRemote: string
  /** For dtlto-codegen. */
  readonly text: string
  /** Contents of files that options name (profiles), by the option's field. */
  readonly files: readonly { readonly field: string; readonly bytes: Uint8Array }[]
  /** Not empty: a stock clang cannot be told these options, and which. */
  readonly reasonNotForClang: string
  /** For a stock clang, without the job's own files. */
  readonly clangArgs: readonly string[]
  /** Arguments that must be completed by the name of a file of `files`. */
  readonly clangFiles: readonly { readonly argIndex: number; readonly field: string }[]
  /** The object holds its own name: `objectPathName`. */
  readonly needsObjectName: boolean
}

export interface NativeClangModule {
  /** Not empty: a stock clang cannot compile this job as lld would, and why. */
  readonly reason: string
  readonly args: readonly string[]
}

export interface NativeUnreadImport {
  readonly moduleId: string
  /**
   * Three numbers a range, in order: its offset in the module's standalone bitcode, its size, at least 8, and a number. The first four bytes must be
   * that number, little-endian. The others are not read; 0xFF in their place makes a compile fail that reads them after all.
   */
  readonly ranges: Uint32Array
}

export interface NativeRemoteIndex {
  readonly bytes: Uint8Array
  /** Every module that the index names, the job's own among them, in order. `imported`: definitions come from it. */
  readonly modules: readonly { readonly moduleId: string; readonly name: string; readonly imported: boolean }[]
  /** Undefined: it was not asked for. */
  readonly clang?: NativeClangModule
  /** With `clang`; nothing where a clang cannot do the job. */
  readonly unread?: readonly NativeUnreadImport[]
}

/** An argument: a string, or bytes where it is not valid UTF-8. */
export type NativeArgument = string | Uint8Array

/** Stock lld, to be executed in place of this process. */
export interface NativeSecondLink {
  readonly program: string
  /** argv[0] too. */
  readonly arguments: readonly NativeArgument[]
  /** Files that are removed first. */
  readonly remove: readonly string[]
  /** Written to file descriptor 2 first. */
  readonly notice: string
}

/** On Node's threads. The input must stay where it is until the promise has settled. */
export interface NativeZstd {
  /** One frame. `level`: 1 (fastest) to 22. */
  compress(bytes: Uint8Array, level: number): Promise<Buffer>
  /** Frames, one after the other, that hold `sizeBytes` bytes; rejects with an Error for what does not. As much memory is taken at once. */
  decompress(bytes: Uint8Array, sizeBytes: number): Promise<Buffer>
}

/** A content of which a block is made. The parts and ranges must stay where they are until then, or be those of `moduleParts`. */
export interface NativeContent {
  readonly parts: readonly Uint8Array[]
  /** Three numbers a range: offset, size, first word. */
  readonly unread?: Uint32Array | undefined
  readonly pieces?: NativePieces | undefined
  /** Where the block goes. */
  readonly into: Uint8Array
}

/** Of one content, compressed, for the blocks of further jobs. */
export interface NativePieces {
  readonly keptBytes: number
  forget(): void
}

/** Promises: on Node's threads; views are held until they settle. */
export interface NativeLzo1x {
  /** Throws an Error for nothing. At most 1 GiB. */
  compress(bytes: Uint8Array): Buffer
  /** Exact up to `limitBytes`, else something above it. Rejects with an Error for a damaged block. */
  decompressedSize(block: Uint8Array, limitBytes: number): Promise<number>
  /** `into` has exactly the decompressed size. */
  decompress(block: Uint8Array, into: Uint8Array): Promise<void>
  /** Of each block: its size, and how many bytes were compressed for it. Rejects with an Error if one does not fit, or for wrong ranges. */
  pack(contents: readonly NativeContent[]): Promise<number[]>
  readonly Pieces: new () => NativePieces
}

export interface NativeAddon {
  readonly version: string
  /** Of the libLLVM that was loaded, which it was asked for. For example '22.1.8'. */
  readonly llvmVersion: string
  /** Of the LLVM that the addon was built with, and of the lld in it. */
  readonly llvmBuiltWith: string
  /** The directory of the stock programs of the same LLVM, for example '/usr/lib/llvm-22/bin'. */
  readonly llvmBin: string
  /** Gives back to the system what the process has freed. Takes a millisecond for some ten megabytes. */
  trimMemory(): void
  /** Takes the code and constants of Node and all libraries out of this process's memory, until they are next used; on another thread. */
  forgetPrograms(): void
  readonly lzo1x: NativeLzo1x
  /** Undefined if this LLVM was built without zstd. */
  readonly zstd: NativeZstd | undefined
  expandResponseFiles(argv: readonly NativeArgument[], windowsQuoting: boolean): NativeArgument[]
  /**
   * For linker programs, before anything else: what node changed at its start becomes again what it was, where lld and the programs that it
   * starts can see it.
   */
  actAsLinker(start: NativeStart): void
  /** Ends the process at once, freeing nothing. lld has written its output when the link is finished. */
  exitProcess(code: number): never
  /**
   * From here on what is written to file descriptors 1 and 2 is held back, until one of the two calls below. If lld crashes meanwhile, this process
   * becomes the second link. False if that cannot be done; then nothing has changed.
   */
  holdOutput(link: NativeSecondLink): boolean
  /** Lets out what was held back. */
  releaseOutput(): void
  /** Drops what was held back and becomes the second link; returns if that cannot be done. */
  startSecondLink(): void
  /**
   * An individual index with other ids of modules: `rename` gets its ids, and gives as many, which must sort as they do. All else stays bit for
   * bit. Throws an Error for what is no index, or has ids that are not ASCII.
   */
  renameModuleIds(index: Uint8Array, rename: (ids: string[]) => readonly string[]): Buffer
  /** The distributor in C at this path (include/dtlto_plugin.h). Throws an Error that says why it cannot be used. */
  loadPlugin(path: string): NativePluginTable
  /**
   * Opens one. `onEvents` is called when there are events to take, on the event loop. Throws an Error with the plugin's own words if it cannot be
   * opened.
   */
  readonly Plugin: new (
    table: NativePluginTable['table'],
    context: NativePluginContext,
    onEvents: () => void,
  ) => NativePlugin
  /**
   * Starts lld. argv[0] selects the flavour by its base name, as in the stock program. With `capture` the link's output is kept
   * in memory and its memory is freed; without, it goes to file descriptors 1 and 2, as in stock lld, and no link can follow in this process.
   * Throws an Error whose message is a NativeStartProblem.
   */
  readonly Link: new (
    argv: readonly NativeArgument[],
    capture: boolean,
    onEvent: NativeLinkEvent,
  ) => NativeLink
}

/**
 * 'running': another link does, and lld keeps global state. 'cannot-run-again': an earlier link ended in a way after which lld cannot. 'no-thread':
 * the system gives none.
 */
export type NativeStartProblem = 'running' | 'cannot-run-again' | 'no-thread'

/** What a linker program was started with. */
export interface NativeStart {
  /** Numbers of signals that were ignored. */
  readonly ignoredSignals: readonly number[]
  /** Open file descriptors beside 0, 1 and 2. */
  readonly descriptors: readonly number[]
  /** The soft limit of open files; 0: unknown. */
  readonly descriptorLimit: number
}

/** A distributor in C. Numbers stand for the enumerations of dtlto_plugin.h. */
export interface NativePluginTable {
  readonly table: { readonly brand: 'dtlto_plugin' }
  readonly name: string
  readonly form: number
  readonly integrity: boolean
  readonly options: readonly NativePluginOption[]
  readonly canPrepare: boolean
  readonly canProbe: boolean
  readonly canClose: boolean
}

export interface NativePluginOption {
  readonly name: string | undefined
  readonly description: string | undefined
  readonly type: number
  readonly default: string | undefined
  readonly min: number
  readonly max: number
  readonly choices: readonly string[] | undefined
  readonly flags: number
}

export interface NativePluginContext {
  readonly flavour: string
  readonly llvmVersion: string
  readonly workingDirectory: string
  readonly codegenProgram: string
  readonly options: readonly (readonly [name: string, items: readonly string[]])[]
}

/** As dtlto_job. The arrays are given away: nobody changes them any more. */
export interface NativePluginJob {
  readonly index: number
  readonly task: number
  readonly moduleId: string
  readonly targetTriple: string
  readonly cacheKey: string
  readonly cost: number
  readonly bitcodeBytes: number
  readonly importedBytes: number
  readonly importedModules: number
  readonly endpoint?: string
  readonly message?: readonly Uint8Array[]
  readonly files?: readonly {
    readonly name: string
    readonly sha256: string | undefined
    readonly parts: readonly Uint8Array[]
  }[]
  readonly arguments?: readonly string[]
  readonly output?: string
}

export interface NativePluginResult {
  readonly outcome: number
  readonly data: Buffer
  readonly details: Buffer
  readonly text: string
  readonly worker: string
  readonly queuedMs: number
  readonly sendMs: number
  readonly compileMs: number
  readonly receiveMs: number
}

export interface NativePluginEndpoint {
  readonly id: string
  readonly text: string
  readonly slots: number
  readonly busyElsewhere: number
  readonly accepting: boolean
  readonly hasQueue: boolean
  readonly speed: number
  readonly latencyMs: number
  readonly queueLimitMs: number
  readonly deadlineMs: number
}

export type NativePluginEvent =
  | { readonly kind: 'finished'; readonly call: number; readonly result: NativePluginResult }
  | { readonly kind: 'started'; readonly call: number }
  | { readonly kind: 'endpoints'; readonly endpoints: readonly NativePluginEndpoint[] }
  | { readonly kind: 'warning' | 'debug'; readonly word: string; readonly text: string }

/**
 * An opened distributor in C. What begins a call gives its number; the call ends by a 'finished' event, and not before that may the bytes of its
 * jobs go. `prepare`, `probe` and `close` only if the table can. Nothing but `takeEvents` after `destroy`.
 */
export interface NativePlugin {
  takeEvents(): readonly NativePluginEvent[]
  prepare(jobs: readonly NativePluginJob[]): number
  probe(endpoint: string): number
  /** One job. */
  compile(job: readonly [NativePluginJob]): number
  cancel(call: number): void
  close(): number
  destroy(): void
}
