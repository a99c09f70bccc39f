/** `dtlto/plugin`: everything that the author of a distributor needs. */
export { VirtualClock } from './plan/virtual-clock.js'
export { loadCPlugin } from './distributors/c-plugin/table.js'
export { defineDistributor, wrongIf } from './distributors/define.js'
export { DtltoError, ERROR_CODES } from './errors.js'
export type { DtltoErrorOptions, ErrorCode } from './errors.js'
export {
  CODEGEN_EXIT_CODES,
  CodegenAnswers,
  codegenDirectory,
  codegenLayout,
  codegenMessage,
  contentDigests,
  codegenResult,
  codegenResultFile,
} from './distributors/codegen/message.js'
export type {
  BlobTransfer,
  CodegenAnswer,
  CodegenFile,
  CodegenLayout,
  CodegenMessage,
} from './distributors/codegen/message.js'
export { codegenToolchain } from './distributors/codegen/toolchain.js'
export type { CodegenToolchain, ToolchainFile } from './distributors/codegen/toolchain.js'
export { clangJobIn } from './distributors/codegen/clang-directory.js'
export { codegenProgram } from './distributors/codegen/program.js'
export { findHostList, hostListWords, parseListedHost } from './distributors/host-list.js'
export type { ListedHost, HostListText, HostListSources } from './distributors/host-list.js'
export { leaveUnread, unreadRanges, UNREAD_BYTE } from './distributors/unread.js'
export type { UnreadRange } from './distributors/unread.js'
export { abortedWith, cancelled, onAbort, orAborted, whileNone } from './distributors/aborts.js'
export { BufferPool } from './distributors/buffer-pool.js'
export { ByteBudget } from './distributors/byte-budget.js'
export { insertByCost } from './distributors/by-cost.js'
export { LookAhead } from './distributors/look-ahead.js'
export type { LookAheadOptions } from './distributors/look-ahead.js'
export { mostObjectBytes } from './distributors/object-size.js'
export { takeTurn } from './distributors/turns.js'
export { lzo1x } from './distributors/lzo1x.js'
export type { ContentToPack, Lzo1x, PackedBlock, PackedPieces } from './distributors/lzo1x.js'
export { zstd } from './distributors/zstd.js'
export type { Zstd } from './distributors/zstd.js'
export { PLUGIN_API_VERSION } from './distributors/interface.js'
export type {
  Attempt,
  BackendJob,
  CannotExpress,
  ClangJob,
  CompiledObject,
  CompileResult,
  CompileTimings,
  ContentLease,
  Diagnostic,
  Distributor,
  DistributorContext,
  DistributorDefinition,
  DoesNotCompile,
  Endpoint,
  FinishedJob,
  JobBlob,
  JobContent,
  JobFile,
  JobPackage,
  LinkFacts,
  OptionOf,
  OptionSpec,
  OptionsSchema,
  OptionValues,
  SelfCheck,
  SideOutput,
  UnreadRanges,
  WaitingJobs,
} from './distributors/interface.js'
