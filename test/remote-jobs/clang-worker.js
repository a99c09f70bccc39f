/**
 * A distributor whose worker is a stock clang on this machine: it writes each job's files into a directory of its own, runs clang there and
 * reads the object back. As distcc it leaves out what a job does not read of its imports. `DTLTO_CLANG_WORKER_LOG` names a file that gets a line for each job: what became of it.
 */
import { execFile } from 'node:child_process'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { defineDistributor, DtltoError, leaveUnread } from 'dtlto/plugin'

/** @typedef {import('dtlto/plugin').ClangJob} ClangJob */

/** What a broken worker makes of clang's object. */
const FAULTS = /** @type {const} */ ({
  none: (/** @type {Buffer} */ object) => object,
  empty: () => Buffer.alloc(0),
  truncated: (/** @type {Buffer} */ object) => object.subarray(0, object.length >> 1),
  short: (/** @type {Buffer} */ object) => object.subarray(0, -1),
  page: () => Buffer.from('<html>502 Bad Gateway</html>'),
})

export default defineDistributor({
  name: 'clang-worker',
  apiVersion: '2.2.0',
  options: {
    clang: { type: 'string', default: '', description: 'The compiler; else the clang of the linker' },
    add: { type: 'list', default: [], description: 'Arguments to add, for wrong objects' },
    fault: {
      type: 'string',
      choices: [...Object.keys(FAULTS), 'words'],
      default: 'none',
      description: 'What goes wrong',
    },
  },
  open(context, options) {
    const clang = options.clang || `clang-${parseInt(context.link.llvmVersion)}`
    const note = (/** @type {string} */ line) => {
      const log = context.env['DTLTO_CLANG_WORKER_LOG']
      if (log) appendFileSync(log, `${line}\n`)
    }
    return {
      endpoints: () => [{ id: 'clang-worker', slots: 2, accepting: true }],
      async compile(job, _endpoint, { signal }) {
        const packed = await job.package()
        const work = packed.kind === 'cannot' ? packed : await packed.forClang()
        if (work.kind === 'cannot') {
          note(`cannot ${work.reason}`)
          return work
        }
        const { object, stderr } = await run(work, clang, options.add, signal)
        // Also after some errors of ThinLTO clang exits with 0. Whatever it says, lld says it in its own words.
        if (stderr !== '' || options.fault === 'words') return { kind: 'cannot', reason: `clang printed '${stderr}'` }
        note('compiled')
        const made = FAULTS[/** @type {keyof typeof FAULTS} */ (options.fault)](object)
        return { kind: 'object', object: made, diagnostics: [], sideOutputs: [], timings: {} }
      },
      close: () => Promise.resolve(),
      destroy: () => undefined,
    }
  },
})

/**
 * @param {ClangJob} job
 * @param {string} clang
 * @param {readonly string[]} more
 * @param {AbortSignal} signal
 */
async function run(job, clang, more, signal) {
  const cwd = mkdtempSync(join(tmpdir(), 'dtlto-clang-'))
  try {
    for (const { name, content, unread } of job.files) {
      const bytes = content.bytes()
      if (unread) leaveUnread(bytes, await unread())
      writeFileSync(join(cwd, name), bytes)
    }
    const { stderr } = await promisify(execFile)(clang, [...job.args, ...more], { cwd, signal })
    return { object: readFileSync(join(cwd, job.output)), stderr }
  } catch (error) {
    throw new DtltoError('DTLTO_DISTRIBUTOR_FAILED', `clang failed: ${String(error)}`, { cause: error })
  } finally {
    rmSync(cwd, { recursive: true, force: true })
  }
}
