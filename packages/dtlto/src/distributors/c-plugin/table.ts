/**
 * A distributor in C (include/dtlto_plugin.h of the native package) as any other distributor. Its definition is made here; plugin.ts is it when it
 * is open, forms.ts its jobs and results.
 */
import { codegenProgram, native, type NativePluginOption } from '@dtlto/native'
import { DtltoError } from '../../errors.js'
import { type DistributorDefinition, type OptionSpec, type OptionsSchema, PLUGIN_API_VERSION } from '../interface.js'
import { checkOptions } from '../options.js'
import { FORMS } from './forms.js'
import { CPlugin } from './plugin.js'

/** As dtlto_option_type. */
const TYPES = ['string', 'integer', 'boolean', 'list'] as const
const RUNS_CODE = 1
const READS_SECRETS = 2

/** Throws an Error that says why the library cannot be used. */
export function loadCPlugin(path: string): DistributorDefinition {
  const table = native().loadPlugin(path)
  return {
    name: table.name,
    apiVersion: PLUGIN_API_VERSION,
    integrity: table.integrity ? 'end-to-end' : 'none',
    options: schemaOf(table.options, path),
    compilesWith: () => (FORMS[table.form] === 'clang' ? 'clang' : 'dtlto-codegen'),
    open(context, options) {
      const { flavour, llvmVersion, workingDirectory } = context.link
      const written = Object.entries(options).flatMap(([name, value]) => {
        if (value === undefined) return []
        return [[name, Array.isArray(value) ? value.map(String) : [String(value)]] as const]
      })
      try {
        return new CPlugin(context, table, {
          flavour,
          llvmVersion,
          workingDirectory,
          codegenProgram: codegenProgram(),
          options: written,
        })
      } catch (error) {
        throw new DtltoError('DTLTO_DISTRIBUTOR_UNAVAILABLE', error instanceof Error ? error.message : String(error), {
          cause: error,
        })
      }
    },
  }
}

function schemaOf(options: readonly NativePluginOption[], path: string): OptionsSchema {
  return Object.fromEntries(options.map((option) => [option.name ?? '', withDefault(option, path)]))
}

function withDefault(option: NativePluginOption, path: string): OptionSpec {
  const spec = specOf(option)
  if (option.default === undefined) return spec
  const name = option.name ?? ''
  const written = { options: { [name]: option.default }, from: `'${path}', its default` }
  return { ...spec, default: checkOptions({ [name]: spec }, written, path)[name] } as OptionSpec
}

/** What is wrong with it, checkDefinition says: as with all distributors. */
function specOf({ type, description = '', min, max, choices, flags }: NativePluginOption): OptionSpec {
  const spec = {
    type: TYPES[type] as 'string',
    description,
    ...((flags & RUNS_CODE) !== 0 && { runsCode: true }),
    ...((flags & READS_SECRETS) !== 0 && { readsSecrets: true }),
  }
  if (TYPES[type] === 'integer') {
    const hasRange = min !== 0 || max !== 0
    return { ...spec, type: 'integer', ...(hasRange && { min, max }) }
  }
  return choices === undefined ? spec : { ...spec, choices }
}
