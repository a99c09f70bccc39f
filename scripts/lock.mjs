/**
 * A lock between processes: two test files may want the same program built, two terminals the same addon. It is a file
 * with the owner's process id, so that a lock whose owner was killed is recognised and taken over.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const POLL_MS = 200

/**
 * Runs `action` while holding the lock; waits for it as long as its owner lives.
 * @template T
 * @param {string} file its directory is made if need be
 * @param {() => T | Promise<T>} action
 * @returns {Promise<T>}
 */
export async function withLock(file, action) {
  mkdirSync(dirname(file), { recursive: true })
  while (!(await take(file))) await sleep(POLL_MS)
  try {
    return await action()
  } finally {
    rmSync(file, { force: true })
  }
}

/** @param {string} file */
async function take(file) {
  if (create(file)) return true
  if (!ownerIsGone(file)) return false
  rmSync(file, { force: true })
  if (!create(file)) return false
  // Somebody else may have come to the same conclusion a moment later, and removed the file that is ours by now.
  await sleep(POLL_MS)
  return readFileSync(file, 'utf8') === String(process.pid)
}

/** @param {string} file */
function create(file) {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false
    throw error
  }
}

/** @param {string} file */
function ownerIsGone(file) {
  try {
    const pid = Number(readFileSync(file, 'utf8'))
    // Zero: created, but not written yet.
    if (pid > 0) process.kill(pid, 0)
    return false
  } catch (error) {
    return isErrno(error, 'ESRCH')
  }
}

/**
 * @param {unknown} error
 * @param {string} code
 */
function isErrno(error, code) {
  return error instanceof Error && 'code' in error && error.code === code
}
