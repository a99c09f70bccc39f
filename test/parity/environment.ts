import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { firstLlvm } from '../../scripts/llvm-versions.mjs'

/** Where things are, and what the environment variables of the suite say. Nothing else reads `process.env`. */

const here = path.dirname(fileURLToPath(import.meta.url))
export const repository = path.resolve(here, '../..')
export const sourceDirectory = path.join(here, 'sources')
/** All that the suite writes; ignored by git. */
export const buildDirectory = path.join(repository, 'build', 'parity')

/** The directory of the LLVM programs: `DTLTO_LLVM_BIN`, or where Debian's packages put them. */
export const llvmMajor = firstLlvm()
export const llvmBin = process.env['DTLTO_LLVM_BIN'] ?? `/usr/lib/llvm-${String(llvmMajor)}/bin`

/** `stock` puts the stock linker on both sides: it shows what is not deterministic in stock lld itself. */
export const linkerUnderTest = process.env['DTLTO_PARITY_LINKER'] === 'stock' ? 'stock' : 'dtlto'

/** Which set of dtlto's own options is added to every link; see modes.ts. */
export const modeName = process.env['DTLTO_PARITY_MODE'] ?? 'local'

/** A directory for the traces of all links of dtlto; none are written without. */
export const traceDirectory = process.env['DTLTO_PARITY_TRACES']

/** A regular expression on `category: name`. */
export const onlyPattern = process.env['DTLTO_PARITY_ONLY']

/** Cases that run at a time. */
export const concurrency = Number(process.env['DTLTO_PARITY_JOBS'] ?? 2)

/** Compiler and linker runs that take longer than this have hung. */
export const timeoutMs = Number(process.env['DTLTO_PARITY_TIMEOUT_MS'] ?? 60_000)

/** Fuzzing: inputs a run, its first seed, and a limit on its time. */
export const fuzzCount = Number(process.env['DTLTO_FUZZ_COUNT'] ?? 300)
export const fuzzSeed = Number(process.env['DTLTO_FUZZ_SEED'] ?? 1)
export const fuzzTimeMs = Number(process.env['DTLTO_FUZZ_TIME_MS'] ?? 90_000)

/** The environment of compilers and linkers: English, no jobserver, nothing that steers a link from outside. */
export function childEnvironment(): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {}
  for (const [name, value] of Object.entries(process.env)) {
    if (/^(DTLTO_|NODE_|MAKE|MFLAGS|LC_|LANG|LINK$|_LINK_$|SOURCE_DATE_EPOCH|LLD_)/.test(name)) continue
    env[name] = value
  }
  return { ...env, LC_ALL: 'C', TERM: 'dumb' }
}

/** A program by name: LLVM's where LLVM has it, else from PATH. */
export function tool(name: string): string {
  const ours = path.join(llvmBin, name)
  return existsSync(ours) ? ours : name
}
