/** Compiles each job with a clang process of its own: `ld.dtlto --distribute=examples/process-pool/index.js,slots=4 …`. */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { defineDistributor, DtltoError, whileNone } from 'dtlto/plugin'

export default defineDistributor({
  name: 'process-pool',
  apiVersion: '2.0.0',
  integrity: 'end-to-end', // its objects never leave this machine
  options: { slots: { type: 'integer', default: 2, min: 1, description: 'clang processes at a time' } },
  open(context, { slots }) {
    const running = new Set()
    const destroyed = new AbortController()
    return {
      endpoints: () => [{ id: 'process-pool', slots, accepting: !destroyed.signal.aborted }],
      compile(job, _endpoint, attempt) {
        const signals = [attempt.signal, context.signal, destroyed.signal]
        const result = whileNone(signals, (signal) => compile(job, signal)).finally(() => running.delete(result))
        running.add(result)
        return result
      },
      async close() {
        await Promise.allSettled(running)
      },
      destroy: () => destroyed.abort(),
    }
  },
})

/** @type {(job: import('dtlto/plugin').BackendJob, signal: AbortSignal) => Promise<import('dtlto/plugin').CompileResult>} */
async function compile(job, signal) {
  const packed = await job.package()
  if (packed.kind === 'cannot') return packed
  const work = await packed.forClang()
  if (work.kind === 'cannot') return work
  const clang = `clang-${parseInt(packed.llvmVersion)}`
  const cwd = await mkdtemp(join(tmpdir(), 'process-pool-'))
  try {
    for (const file of work.files) await mkdir(dirname(join(cwd, file.name)), { recursive: true })
    for (const file of work.files) await writeFile(join(cwd, file.name), file.content.bytes())
    const { stderr } = await promisify(execFile)(clang, work.args, { cwd, signal, killSignal: 'SIGKILL' })
    if (stderr !== '') return { kind: 'cannot', reason: 'clang warns, but lld should say it' }
    const object = await readFile(join(cwd, work.output))
    return { kind: 'object', object, diagnostics: [], sideOutputs: [], timings: {} }
  } catch (error) {
    const { code, stderr = '' } = /** @type {import('node:child_process').ExecFileException} */ (error)
    if (code === 1) return { kind: 'does-not-compile', diagnostics: [{ severity: 'error', message: stderr }] }
    throw new DtltoError('DTLTO_DISTRIBUTOR_FAILED', `${clang} could not be run: ${String(error)}`, { cause: error })
  } finally {
    await rm(cwd, { recursive: true, maxRetries: 3 })
  }
}
