/** The suite once more, with every job that may be remote compiled by a worker process from its bytes alone. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'

/** Of all jobs; the others are of links that only this process can compile, and of modules that do not compile. */
const LEAST_SHARE = 0.75

const traces = mkdtempSync(path.join(tmpdir(), 'dtlto-parity-traces-'))
process.env['DTLTO_PARITY_MODE'] = 'isolate'
process.env['DTLTO_PARITY_TRACES'] = traces
const { currentMode } = await import('./runner.js')
await import('./parity.test.js')

test('the suite runs in worker processes, which make nearly all of its objects', (context) => {
  assert.equal(currentMode(), 'isolate')
  let byWorkers = 0
  let here = 0
  for (const name of readdirSync(traces)) {
    const events = eventsOf(path.join(traces, name))
    const workers = events.filter(({ name, args }) => name === 'process_name' && args?.name?.startsWith('worker'))
    for (const { cat, pid, args } of events) {
      if (cat !== 'compile' || args?.outcome !== 'placed') continue
      if (workers.some((worker) => worker.pid === pid)) byWorkers++
      else here++
    }
  }
  rmSync(traces, { recursive: true })
  context.diagnostic(`objects of worker processes: ${String(byWorkers)}, of the linker: ${String(here)}`)
  assert.ok(byWorkers > 0)
  assert.ok(byWorkers >= LEAST_SHARE * (byWorkers + here), `${String(byWorkers)} by workers, ${String(here)} here`)
})

interface TraceEvent {
  readonly name: string
  readonly cat?: string
  readonly pid: number
  readonly args?: { readonly outcome?: string; readonly name?: string }
}

function eventsOf(file: string): readonly TraceEvent[] {
  return (JSON.parse(readFileSync(file, 'utf8')) as { readonly traceEvents: readonly TraceEvent[] }).traceEvents
}
