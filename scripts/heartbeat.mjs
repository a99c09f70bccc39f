import { spawn } from 'node:child_process'

const EVERY_MS = 5000
/** Ends with us, at the latest: its input does. */
const BEAT = `
  const [what, everyMs] = process.argv.slice(1)
  const start = Date.now()
  setInterval(() => console.log(what + ' … ' + Math.round((Date.now() - start) / 1000) + ' s'), Number(everyMs))
  process.stdin.on('end', () => process.exit()).resume()`

/**
 * Says every few seconds that something still runs. A process of its own says it: this one may wait for a child.
 * @param {string} what for example `build: compiling TypeScript`; it is said by others when it begins
 * @returns {() => void} ends it
 */
export function heartbeat(what) {
  const args = ['-e', BEAT, what, String(EVERY_MS)]
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'inherit', 'inherit'] })
  child.unref()
  child.on('error', () => undefined)
  return () => {
    child.kill()
  }
}

/**
 * @template T
 * @param {string} what
 * @param {() => T} work that takes its time without giving this process any
 * @returns {T}
 */
export function withHeartbeat(what, work) {
  const stop = heartbeat(what)
  try {
    return work()
  } finally {
    stop()
  }
}
