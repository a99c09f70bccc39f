import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { defineDistributor, type DistributorContext, DtltoError } from 'dtlto/plugin'
import { External } from './external.js'
import { OPTIONS } from './options.js'

/** Distributors that were written for LLVM's DTLTO: `--distribute=external,program=PATH`. */
export default defineDistributor({
  name: 'external',
  apiVersion: '2.4.0',
  options: OPTIONS,
  compilesWith: () => 'clang',
  open(context, { program, arg, compiler, batch, programs, timeout }) {
    if (program === undefined || program === '')
      throw new DtltoError('DTLTO_PLUGIN_OPTION_INVALID', 'external: program: expected the path of a distributor')
    const path = findProgram(program, context)
    if (path === undefined)
      throw new DtltoError('DTLTO_PLUGIN_OPTION_INVALID', `external: program '${program}' cannot be executed`)
    const major = context.link.llvmVersion.split('.')[0] ?? ''
    const named = compiler ?? `clang-${major}`
    return new External(context, {
      program: path,
      args: arg,
      compiler: findProgram(named, context) ?? named,
      batch,
      programs,
      timeoutMs: timeout * 1000,
    })
  },
})

/** The absolute path of an executable file, as a shell finds it. */
function findProgram(name: string, { env, link }: DistributorContext): string | undefined {
  const places = name.includes('/') ? [''] : (env['PATH'] ?? '').split(delimiter)
  return places.map((place) => resolve(link.workingDirectory, join(place, name))).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
