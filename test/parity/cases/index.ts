import type { ParityCase } from '../parity-case.js'
import { cacheCases } from './cache.js'
import { coffCases } from './coff.js'
import { elfAnalysisCases } from './elf-analyses.js'
import { elfErrorCases } from './elf-errors.js'
import { elfLtoCases } from './elf-lto.js'
import { elfOutputCases } from './elf-outputs.js'
import { errorCases } from './errors.js'
import { inputCases } from './inputs.js'
import { machoCases } from './macho.js'
import { rustCases } from './rust.js'
import { targetCases } from './targets.js'
import { wasmMingwCases } from './wasm-mingw.js'

export const allCases: readonly ParityCase[] = [
  ...targetCases,
  ...inputCases,
  ...elfOutputCases,
  ...elfLtoCases,
  ...elfAnalysisCases,
  ...coffCases,
  ...machoCases,
  ...wasmMingwCases,
  ...cacheCases,
  ...rustCases,
  ...errorCases,
  ...elfErrorCases,
]
