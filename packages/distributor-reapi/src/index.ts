import { defineDistributor } from 'dtlto/plugin'
import { isCodegen, OPTIONS } from './options.js'

/** ThinLTO backends on an engine of the Remote Execution API: `--distribute=reapi,remote_executor=grpc://HOST:PORT`. */
export default defineDistributor({
  name: 'reapi',
  apiVersion: '2.7.0',
  // Outputs are named by digests that the worker computes, and are compared with them.
  integrity: 'end-to-end',
  options: OPTIONS,
  compilesWith: ({ toolchain, image_compiler: program }) =>
    toolchain === 'ship' || isCodegen(program ?? '') ? 'dtlto-codegen' : 'clang',
  storesResults: ({ remote_upload_local_results: uploads }) => uploads,
  open: async (context, options) => (await import('./open.js')).openReapi(context, options),
})
