import { defineDistributor } from 'dtlto/plugin'
import { OPTIONS } from './options.js'

/** ThinLTO backends on machines that OpenSSH reaches: `--distribute=ssh,hosts=a/8+b/16`. */
export default defineDistributor({
  name: 'ssh',
  apiVersion: '2.6.0',
  // The connection is authenticated, and answers hold the digest that dtlto-codegen made.
  integrity: 'end-to-end',
  options: OPTIONS,
  compilesWith: () => 'dtlto-codegen',
  open: async (context, options) => (await import('./open.js')).openSsh(context, options),
})
