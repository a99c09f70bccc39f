import { spawnSync } from 'node:child_process'

/**
 * Runs a program that must succeed; gives its stdout.
 * @param {string} program
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnSyncOptions} [options]
 */
export function must(program, args, options = {}) {
  const { status, stdout, error } = spawnSync(program, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: Infinity,
    ...options,
    encoding: 'utf8',
  })
  if (error) throw new Error(`cannot start '${program}': ${error.message}`)
  if (status !== 0) throw new Error(`'${[program, ...args].join(' ')}' failed`)
  return stdout
}
