/**
 * `local,isolate=process`: this machine, but every job in a process of its own kind, dtlto-codegen, made from the job's bytes alone. A
 * compiler that crashes costs one job a second try in the linker's process, where the user then reads lld's own message; it does not cost
 * the link. Processes are started when there are jobs, serve many of them, and get each module once.
 */
import type { BackendJob, CompileResult, DistributorContext } from '../interface.js'
import { WorkerProcess } from './worker-process.js'

export interface IsolatedCompiler {
  /** As of a distributor. */
  compile(job: BackendJob, signal: AbortSignal): Promise<CompileResult>
  /** Nothing is compiled any more: idle processes end by themselves. */
  close(): void
  destroy(): void
}

export function openIsolated(context: Pick<DistributorContext, 'now'>): IsolatedCompiler {
  const idle: WorkerProcess[] = []
  const all = new Set<WorkerProcess>()
  const keys = new WeakMap<object, string>()
  let contents = 0

  const keyOf = (content: Uint8Array): string => {
    let key = keys.get(content)
    if (key === undefined) {
      key = `m${String(++contents)}`
      keys.set(content, key)
    }
    return key
  }
  const take = (): WorkerProcess => {
    for (let worker = idle.pop(); worker; worker = idle.pop()) if (worker.alive) return worker
    const worker = new WorkerProcess()
    all.add(worker)
    return worker
  }

  return {
    async compile(job, signal) {
      const packed = await job.forWorker()
      if (packed.kind === 'cannot') return packed
      signal.throwIfAborted()
      const worker = take()
      const stop = (): void => {
        worker.kill()
      }
      signal.addEventListener('abort', stop, { once: true })
      const startedMs = context.now()
      try {
        const result = await worker.compile(packed, keyOf)
        idle.push(worker)
        return toCompileResult(result, job.moduleId, packed.blobs[0]?.label ?? '', context.now() - startedMs)
      } finally {
        signal.removeEventListener('abort', stop)
        if (!worker.alive) all.delete(worker)
      }
    },
    close: () => {
      for (const worker of all) worker.close()
      all.clear()
    },
    destroy: () => {
      for (const worker of all) worker.kill()
      all.clear()
    },
  }
}

function toCompileResult(
  result: Awaited<ReturnType<WorkerProcess['compile']>>,
  moduleId: string,
  canonicalName: string,
  compileMs: number,
): CompileResult {
  if (result.status === 'refused') return { kind: 'cannot', reason: result.failure }
  const diagnostics = result.diagnostics.map(({ severity, message, namesModule }) => ({
    severity,
    message: namesModule ? `${moduleId} ${message}` : realName(message, canonicalName, moduleId),
  }))
  if (result.status === 'failed') {
    const failure = result.failure === '' ? [] : [{ severity: 'error' as const, message: result.failure }]
    return { kind: 'does-not-compile', diagnostics: [...diagnostics, ...failure] }
  }
  const { object, sideOutputs, stderr } = result
  return { kind: 'object', object, diagnostics, sideOutputs, stderr, timings: { compileMs } }
}

/** Some diagnostics begin with the module's name, which in a job is canonical. */
function realName(message: string, canonicalName: string, moduleId: string): string {
  return message.startsWith(`${canonicalName}:`) ? moduleId + message.slice(canonicalName.length) : message
}
