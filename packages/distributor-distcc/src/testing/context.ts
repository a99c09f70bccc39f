import { execFileSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { DistributorContext } from 'dtlto/plugin'
import type { Farm } from '../farm.js'
import { openFarm } from '../index.js'
import type { OpenOptions } from '../options.js'
import { DEFAULT_TUNING, type Tuning } from '../tuning.js'

/** A link as a distributor sees it, that remembers what it is told. */
export interface TestContext extends DistributorContext {
  readonly warnings: Map<string, string>
  readonly log: string[]
  changes: number
}

export function testContext(overrides: Partial<DistributorContext> = {}): TestContext {
  const context: TestContext = {
    link: { flavour: 'elf', llvmVersion: clangVersion(), workingDirectory: '/' },
    signal: new AbortController().signal,
    env: {},
    now: () => performance.now(),
    localSlots: () => 2,
    statusChanged: () => {
      context.changes++
    },
    warn: (kind, message) => {
      if (!context.warnings.has(kind)) context.warnings.set(kind, message)
    },
    debug: (message) => {
      context.log.push(message)
    },
    ...overrides,
    warnings: new Map(),
    log: [],
    changes: 0,
  }
  return context
}

let version: string | undefined

function clangVersion(): string {
  version ??= /version (\d+\.\d+\.\d+)/.exec(execFileSync('clang-22', ['--version'], { encoding: 'utf8' }))?.[1] ?? ''
  return version
}

export const TEST_OPTIONS: OpenOptions = {
  hosts: undefined,
  compiler: undefined,
  'stats-port': 0,
  'connect-timeout-ms': 1000,
  'job-timeout-ms': 20_000,
  probe: true,
}

/** As in production, but everything that is waited for comes soon. */
export const TEST_TUNING: Tuning = {
  ...DEFAULT_TUNING,
  probeTimeoutMs: 3000,
  restMs: 50,
  maxRestMs: 400,
  lookIntervalMs: 100,
  statisticsTimeoutMs: 200,
  silenceMs: 500,
}

/** An open distributor on these servers. */
export function openTestFarm(
  hosts: readonly string[],
  options: Partial<OpenOptions> = {},
  tuning: Partial<Tuning> = {},
  context: TestContext = testContext(),
): { readonly farm: Farm; readonly context: TestContext } {
  const farm = openFarm(context, { ...TEST_OPTIONS, hosts, ...options }, { ...TEST_TUNING, ...tuning })
  return { farm, context }
}

/** Waits until `condition` holds, looking often; fails after `limitMs` of real time. */
export async function until(condition: () => boolean, what: string, limitMs = 10_000): Promise<void> {
  const startMs = performance.now()
  while (!condition()) {
    if (performance.now() - startMs > limitMs) throw new Error(`not within ${limitMs} ms: ${what}`)
    await sleep(5)
  }
}
