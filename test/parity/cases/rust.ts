import { runtime } from '../inputs/programs.js'
import { rustAndC, whyNoRust } from '../inputs/rust.js'
import { library, type ParityCase, program, variant } from '../parity-case.js'
import { x86_64 } from '../targets.js'

/** Rust and C in one link. */

const category = 'rust'
const missing = whyNoRust()
const availability = missing === undefined ? {} : { unavailable: missing }
const rt = runtime(x86_64)
const objects = [rustAndC(x86_64, 'object'), rt]
const base = program(category, 'object beside C', x86_64, objects, [], availability)

export const rustCases: ParityCase[] = [
  base,
  variant(base, ['--gc-sections']),
  variant(base, ['--lto-O0']),
  variant(base, ['--save-temps']),
  variant(base, ['-mllvm', '-import-instr-limit=0']),
  program(
    category,
    'object with debug information',
    x86_64,
    [rustAndC(x86_64, 'object', ['-g']), rt],
    [],
    availability,
  ),
  program(
    category,
    'static library with the core library',
    x86_64,
    [rustAndC(x86_64, 'library'), rt],
    ['--gc-sections'],
    availability,
  ),
  program(
    category,
    'static library of many codegen units',
    x86_64,
    [rustAndC(x86_64, 'library', ['-Ccodegen-units=4']), rt],
    [],
    availability,
  ),
  library(
    category,
    'shared library',
    x86_64,
    [rustAndC(x86_64, 'object')],
    ['-Bsymbolic', '--unresolved-symbols=ignore-all', '-z', 'notext'],
    availability,
  ),
]
