/** Compiles each job with a clang process of its own: `ld.dtlto --distribute=examples/process-pool/index.js,slots=4 …`. */
import { execFile } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { defineDistributor, DtltoError } from 'dtlto/plugin'

export default defineDistributor({
  name: 'process-pool',
  apiVersion: '1.0.0',
  options: { slots: { type: 'integer', default: 2, min: 1, description: 'clang processes at a time' } },
  open(context, { slots }) {
    let [inside, busy] = [0, 0]
    const freed = new EventEmitter().setMaxListeners(0)
    const destroyed = new AbortController()
    return {
      status: () => ({ slots, busy, queued: inside - busy, accepting: !destroyed.signal.aborted }),
      async compile(job, wanted) {
        const signal = AbortSignal.any([wanted, context.signal, destroyed.signal])
        inside++
        try {
          const work = await job.forClang()
          if (work.kind === 'cannot') return work
          while (busy >= slots) await once(freed, 'slot', { signal })
          busy++
          return await runClang(work, signal).finally(() => busy--)
        } finally {
          inside--
          freed.emit('slot')
          context.statusChanged()
        }
      },
      async close() {
        while (inside > 0) await once(freed, 'slot')
      },
      destroy: () => destroyed.abort(),
    }
  },
})

/** @type {(work: import('dtlto/plugin').ClangJob, signal: AbortSignal) => Promise<import('dtlto/plugin').CompileResult>} */
async function runClang({ args, files, output }, signal) {
  const cwd = await mkdtemp(join(tmpdir(), 'process-pool-'))
  try {
    for (const file of files) await mkdir(dirname(join(cwd, file.name)), { recursive: true })
    for (const file of files) await writeFile(join(cwd, file.name), file.bytes())
    const { stderr } = await promisify(execFile)('clang-22', args, { cwd, signal, killSignal: 'SIGKILL' })
    if (stderr !== '') return { kind: 'cannot', reason: 'clang warns, but lld should say it' }
    return { kind: 'object', object: await readFile(join(cwd, output)), diagnostics: [], sideOutputs: [], timings: {} }
  } catch (error) {
    const { code, stderr = '' } = /** @type {import('node:child_process').ExecFileException} */ (error)
    if (code === 1) return { kind: 'does-not-compile', diagnostics: [{ severity: 'error', message: stderr }] }
    throw new DtltoError('DTLTO_DISTRIBUTOR_FAILED', `clang-22 could not be run: ${String(error)}`, { cause: error })
  } finally {
    await rm(cwd, { recursive: true, maxRetries: 3 })
  }
}
