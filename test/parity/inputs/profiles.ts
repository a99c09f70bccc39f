import type { Recipe } from '../recipe.js'
import type { Target } from '../targets.js'
import { compile, coreSources, thin } from './programs.js'

/** Programs compiled with profiles, and the profiles. */

const sample = `entry:4200:10
 1: 10
 2: 10
 4: 200 mix:200
mix:9000:900
 0: 900
pick:20:2
 0: 2
checksum:5000:50
 1: 50
 2: 4000
`

/** One function of a text profile: its name, the hash of its control flow, its counters. */
const counts = (name: string, hash: bigint, ...values: readonly number[]): string =>
  [name, hash, values.length, ...values, ''].join('\n')

const counters = [
  counts('mix', 742261418966908927n, 100000),
  counts('checksum', 146835646621254984n, 400000, 300),
  counts('lookup', 382993475055910911n, 5, 40000),
  // A hash that does not fit: a warning, which is compared too.
  counts('recurse', 7n, 1, 5),
].join('\n')

/** Counters after inlining carry this bit in the hash. */
const contextSensitive = 1n << 60n
const csCounters = [
  counts('mix', 742261418966908927n | contextSensitive, 90000),
  counts('checksum', 2216626666718694745n, 400000, 20),
  counts('recurse', 7n | contextSensitive, 1, 5),
].join('\n')

/** The program of `core` compiled with a sample profile, which the link reads again as sampled/sample.txt. */
export const sampled = (target: Target): Recipe => ({
  name: 'sampled',
  files: coreSources.map((source) => source.replace('.c', '.o')),
  steps: [
    { write: 'sample.txt', text: sample },
    ...coreSources.map((source) =>
      compile(target, source, source.replace('.c', '.o'), [
        ...thin,
        '-gline-tables-only',
        '-fdebug-info-for-profiling',
        '-fprofile-sample-use=sample.txt',
      ]),
    ),
  ],
})

/** The program of `core` compiled with an instrumentation profile. */
export const profiled = (target: Target, more: readonly string[] = []): Recipe => ({
  name: 'profiled',
  files: coreSources.map((source) => source.replace('.c', '.o')),
  steps: [
    { write: 'counts.txt', text: `:ir\n${counters}` },
    ['llvm-profdata', 'merge', 'counts.txt', '-o', 'counts.profdata'],
    { write: 'cs.txt', text: `:csir\n${counters}\n${csCounters}` },
    ['llvm-profdata', 'merge', 'cs.txt', '-o', 'cs.profdata'],
    ...coreSources.map((source) =>
      compile(target, source, source.replace('.c', '.o'), [
        ...thin,
        '-fprofile-use=counts.profdata',
        '-Wno-profile-instr-unprofiled',
        '-Wno-profile-instr-out-of-date',
        '-Wno-backend-plugin',
        ...more,
      ]),
    ),
  ],
})
