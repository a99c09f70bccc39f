/** `dtlto/plugin`: everything that the author of a distributor needs. */
export { defineDistributor } from './distributors/define.js'
export { DtltoError, ERROR_CODES } from './errors.js'
export type { DtltoErrorOptions, ErrorCode } from './errors.js'
export { PLUGIN_API_VERSION } from './distributors/interface.js'
export type {
  BackendJob,
  CannotExpress,
  ClangJob,
  CompiledHere,
  CompiledObject,
  CompileResult,
  CompileTimings,
  Diagnostic,
  Distributor,
  DistributorContext,
  DistributorDefinition,
  DistributorStatus,
  DoesNotCompile,
  JobFile,
  LinkFacts,
  OptionOf,
  OptionSpec,
  OptionsSchema,
  OptionValues,
  SideOutput,
  WorkerBlob,
  WorkerJob,
  WorkerStatus,
} from './distributors/interface.js'
