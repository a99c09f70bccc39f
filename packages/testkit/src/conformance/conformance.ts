import { before, describe, test } from 'node:test'
import type { DistributorDefinition, OptionsSchema, OptionValues } from 'dtlto/plugin'
import type { Bench, Limits } from './bench.js'
import type { Check } from './check.js'
import { DEFINITION_CHECKS } from './definition-checks.js'
import { END_CHECKS } from './end-checks.js'
import { linkChecks } from './link-checks.js'
import { program } from './program.js'
import { STORE_CHECKS } from './store-checks.js'
import { SENT_CHECKS, WORK_CHECKS } from './work-checks.js'

const CHECKS = [...DEFINITION_CHECKS, ...WORK_CHECKS, ...STORE_CHECKS, ...END_CHECKS]

/** The sentence that names a check. */
export type ConformanceCheck = (typeof CHECKS)[number]['name']

export interface ConformanceOptions<S extends OptionsSchema> {
  readonly definition: DistributorDefinition<S>
  /** As `open` gets them; what is left out has its default. */
  readonly options?: Partial<OptionValues<S>>
  /** Options of the right types that `open` must refuse, each set on its own. Default: none. */
  readonly badOptions?: readonly Partial<OptionValues<S>>[]
  /** `context.env`. Default: that of the process. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** A path or package name to link with, as in `--distribute=PATH,key=value`. Default: whole links are not tried. */
  readonly distribute?: string
  /** Whether it calls `attempt.sent()`: then for every job. Default: it need not. */
  readonly saysSent?: boolean
  /** Checks that cannot hold for this distributor, and why. */
  readonly skip?: { readonly [Name in ConformanceCheck]?: string }
  /** Default: ready within 10 s, a job within 30 s, an aborted one gone within 2 s. */
  readonly limits?: Partial<Limits>
  /** The clang that makes the test program, of the same LLVM as dtlto. Default: `clang-22`. */
  readonly clang?: string
}

/**
 * Tests of a distributor, for node:test: what dtlto relies on, checked with the jobs of a real program. Call it in a test file.
 * A check that fails says what the distributor should do.
 */
export function conformance<S extends OptionsSchema>(options: ConformanceOptions<S>): void {
  void describe(`the distributor '${options.definition.name}' conforms`, () => {
    let bench: Bench
    before(() => {
      bench = benchFor(options)
    })
    const reasons: Readonly<Record<string, string | undefined>> = options.skip ?? {}
    for (const { name, run } of checksFor(options)) void test(name, { skip: reasons[name] ?? false }, () => run(bench))
  })
}

/** The same for any other runner: what fails of these checks (default: of all that are not skipped), and why. */
export async function conformanceFailures<S extends OptionsSchema>(
  options: ConformanceOptions<S>,
  only?: readonly ConformanceCheck[],
): Promise<ReadonlyMap<string, string>> {
  const failures = new Map<string, string>()
  const bench = benchFor(options)
  const wanted: readonly string[] | undefined = only
  for (const { name, run } of checksFor(options)) {
    if (wanted ? !wanted.includes(name) : name in (options.skip ?? {})) continue
    try {
      await run(bench)
    } catch (error) {
      failures.set(name, error instanceof Error ? error.message : String(error))
    }
  }
  return failures
}

function checksFor<S extends OptionsSchema>({ distribute, saysSent }: ConformanceOptions<S>): readonly Check[] {
  const own = saysSent === true ? [...CHECKS, ...SENT_CHECKS] : CHECKS
  return distribute === undefined ? own : [...own, ...linkChecks(distribute)]
}

function benchFor<S extends OptionsSchema>(options: ConformanceOptions<S>): Bench {
  const { definition, badOptions = [], env = process.env, clang = 'clang-22', limits } = options
  return {
    definition,
    options: withDefaults(definition.options, options.options ?? {}),
    badOptions: badOptions.map((bad) => withDefaults(definition.options, { ...options.options, ...bad })),
    env,
    limits: { readyMs: 10_000, jobMs: 30_000, abortMs: 2_000, ...limits },
    program: program(clang),
  }
}

function withDefaults(schema: OptionsSchema, given: Readonly<Record<string, unknown>>): OptionValues<OptionsSchema> {
  const defaults = Object.entries(schema).map(([name, spec]) => [name, spec.default])
  return { ...Object.fromEntries(defaults), ...given } as OptionValues<OptionsSchema>
}
