/**
 * A plain distributor for LLVM's own DTLTO, to compare with: runs all compilations that the linker asks for on this
 * machine, as many at a time as it has processors. lld starts it as `PROGRAM ARGS… JOBS.json`; the JSON file has the
 * arguments that all compilations share, and per job those of its own.
 */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

/** @typedef {{ common: { args: string[] }, jobs: { args: string[] }[] }} JobsFile */

const { common, jobs } = /** @type {JobsFile} */ (parse(readFileSync(process.argv.at(-1) ?? '', 'utf8')))
const queue = jobs.map(({ args }) => [...common.args, ...args])
const results = await Promise.all(Array.from({ length: availableParallelism() }, worker))
process.exitCode = results.every(Boolean) ? 0 : 1

/** Works until the queue is empty or a compilation fails. */
async function worker() {
  for (let command = queue.shift(); command !== undefined; command = queue.shift()) {
    if ((await compile(command)) !== 0) return false
  }
  return true
}

/**
 * @param {readonly string[]} command
 * @returns {Promise<number | null>}
 */
function compile([program = '', ...args]) {
  return new Promise((resolve, reject) => {
    spawn(program, args, { stdio: 'inherit' }).on('error', reject).on('exit', resolve)
  })
}

/**
 * @param {string} text
 * @returns {unknown}
 */
function parse(text) {
  return JSON.parse(text)
}
