import type { OptionsSchema, OptionValues } from 'dtlto/plugin'

export const OPTIONS = {
  program: {
    type: 'string',
    runsCode: true,
    description: "the distributor: what lld's --thinlto-distributor names. A path, or a name on PATH",
  },
  arg: { type: 'list', default: [], description: 'arguments for it, before the JSON file' },
  compiler: {
    type: 'string',
    runsCode: true,
    description: 'the compiler that it is told to run. Default: the clang of the same LLVM version, clang-N',
  },
  batch: {
    type: 'integer',
    default: 0,
    min: 0,
    max: 100_000,
    description: 'jobs that it is given at a time at most; 0: all that there are',
  },
  programs: {
    type: 'integer',
    default: 1,
    min: 1,
    max: 1000,
    description: 'how many of it run at the same time, each with jobs of its own',
  },
  timeout: {
    type: 'integer',
    default: 3600,
    min: 1,
    max: 1_000_000,
    description: 'seconds that jobs may wait for it to end; then they are compiled elsewhere',
  },
} as const satisfies OptionsSchema

export type OpenOptions = OptionValues<typeof OPTIONS>
