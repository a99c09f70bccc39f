import { execFileSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Attempt, BackendJob, CompileResult, DistributorContext } from 'dtlto/plugin'
import type { Distcc } from '../distcc.js'
import { openDistcc } from '../index.js'
import type { OpenOptions } from '../options.js'
import type { Server } from '../server.js'
import { DEFAULT_TUNING, type Tuning } from '../tuning.js'
import { CLANG } from './llvm.js'

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
  version ??= /version (\d+\.\d+\.\d+)/.exec(execFileSync(CLANG, ['--version'], { encoding: 'utf8' }))?.[1] ?? ''
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
  lookIntervalMs: 100,
  statisticsTimeoutMs: 200,
}

/** An open distributor, and what the scheduler would do with it. */
export class TestDistcc {
  readonly distcc: Distcc
  readonly context: TestContext

  constructor(distcc: Distcc, context: TestContext) {
    this.distcc = distcc
    this.context = context
  }

  server(at = 0): Server {
    const server = this.distcc.endpoints()[at]
    if (server === undefined) throw new Error(`there is no server ${at}`)
    return server
  }

  probe(at = 0, signal = new AbortController().signal): Promise<void> {
    return this.distcc.probe(this.server(at), signal)
  }

  /** Waits until the server passes its probe; fails with the last trouble after `limitMs`. */
  async untilUp(at = 0, limitMs = 20_000): Promise<void> {
    const signal = AbortSignal.timeout(limitMs)
    for (;;) {
      try {
        return await this.probe(at)
      } catch (error) {
        if (signal.aborted) throw error
        await sleep(20)
      }
    }
  }

  compile(job: BackendJob, at = 0, signal = new AbortController().signal): Promise<CompileResult> {
    const attempt: Attempt = { signal, started: () => undefined }
    return this.distcc.compile(job, this.server(at), attempt)
  }
}

/** An open distributor on these servers. */
export function openTest(
  hosts: readonly string[],
  options: Partial<OpenOptions> = {},
  tuning: Partial<Tuning> = {},
  context: TestContext = testContext(),
): TestDistcc {
  return new TestDistcc(
    openDistcc(context, { ...TEST_OPTIONS, hosts, ...options }, { ...TEST_TUNING, ...tuning }),
    context,
  )
}

/** Waits until `condition` holds, looking often; fails after `limitMs` of real time. */
export async function until(condition: () => boolean, what: string, limitMs = 10_000): Promise<void> {
  const startMs = performance.now()
  while (!condition()) {
    if (performance.now() - startMs > limitMs) throw new Error(`not within ${limitMs} ms: ${what}`)
    await sleep(5)
  }
}
