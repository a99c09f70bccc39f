/**
 * The emulated farm as a distributor of LLVM's own DTLTO: `--thinlto-distributor=node`, `--thinlto-distributor-arg=` this file, the recordings' directory, the
 * number of slots, and `record` or `replay`. lld adds the JSON file with the jobs. As kind to LLVM as can be: bytes are not sent anywhere.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** @typedef {{ args: string[], inputs?: string[] }} Job */

const [store = '', slots = '', mode = '', jobsPath = ''] = process.argv.slice(2)
const { common, jobs } = /** @type {{ common: { args: string[] }, jobs: Job[] }} */ (readJson(jobsPath))
mkdirSync(store, { recursive: true })
const queue = [...jobs]
await Promise.all(Array.from({ length: Number(slots) }, work))

async function work() {
  for (let job = queue.shift(); job !== undefined; job = queue.shift()) await run(job)
}

/** @param {Job} job */
async function run({ args }) {
  const output = args[args.indexOf('-o') + 1] ?? ''
  // `NAME.TASK.PID.native.o`: all but the linker's process number is the same in each link. (Indexes are not, where members of archives were written to files.)
  // Members of archives have it in hexadecimal, too.
  const pid = /\.(\d+)\.native\.o$/.exec(output)?.[1] ?? ''
  const name = basename(output)
    .replaceAll(`.${pid}`, '')
    .replaceAll(`.${Number(pid).toString(16).toUpperCase()}`, '')
  const key = createHash('sha256').update(common.args.join('\0')).update(name).digest('hex')
  const path = join(store, key)
  if (mode === 'replay') {
    const { compileMs } = /** @type {{ compileMs: number }} */ (readJson(`${path}.json`))
    await sleep(compileMs)
    writeFileSync(output, readFileSync(path))
    return
  }
  if (existsSync(`${path}.json`)) return writeFileSync(output, readFileSync(path))
  const startMs = performance.now()
  const [program = '', ...rest] = [...common.args, ...args]
  await new Promise((resolve, reject) => {
    execFile(program, rest, (error) => {
      if (error) reject(new Error(`'${program}' failed`, { cause: error }))
      else resolve(undefined)
    })
  })
  const compileMs = performance.now() - startMs
  writeFileSync(path, readFileSync(output))
  writeFileSync(`${path}.json`, JSON.stringify({ compileMs }))
}

/**
 * @param {string} path
 * @returns {unknown}
 */
function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'))
}
