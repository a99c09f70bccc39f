/**
 * Endpoints that a link has just found down. A build has many small links (those of `configure`, say), and each would wait for the same dead
 * machine; so for some seconds the user's next links start at home at once, and probe the machine all the same.
 *
 * This is the one file that a link writes beside its outputs, and only while an endpoint is down: an empty file each, below a directory that
 * belongs to the user alone, in XDG_RUNTIME_DIR or else in the directory for temporary files. Whatever goes wrong with it is as good as no memory.
 */
import { createHash } from 'node:crypto'
import { existsSync, lstatSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EndpointMemory } from '../scheduler/endpoints.js'

const REMEMBERED_MS = 10_000

export function endpointMemory(env: Readonly<Record<string, string | undefined>>): EndpointMemory {
  const uid = process.getuid?.() ?? 0
  const runtime = env['XDG_RUNTIME_DIR']
  const directory = runtime ? join(runtime, 'dtlto') : join(env['TMPDIR'] || tmpdir(), `dtlto-${String(uid)}`)
  const fileOf = (distributor: string, endpoint: string): string =>
    join(directory, `${createHash('sha256').update(`${distributor}\0${endpoint}`).digest('hex')}.down`)
  const isOurs = (): boolean => {
    const status = lstatSync(directory)
    return status.isDirectory() && status.uid === uid && (status.mode & 0o077) === 0
  }
  const isRecent = (path: string): boolean => Math.abs(Date.now() - statSync(path).mtimeMs) < REMEMBERED_MS
  let isCleared = false
  /** Once a link is enough. */
  const clear = (): void => {
    if (isCleared) return
    isCleared = true
    for (const name of readdirSync(directory)) {
      const path = join(directory, name)
      if (name.endsWith('.down') && !isRecent(path)) rmSync(path, { force: true })
    }
  }
  return {
    isDown: (distributor, endpoint) => {
      try {
        return isOurs() && isRecent(fileOf(distributor, endpoint))
      } catch {
        return false
      }
    },
    setDown: (distributor, endpoint) => {
      try {
        // Not `recursive`: below /proc that never ends in Node 20.
        if (!existsSync(directory)) mkdirSync(directory, { mode: 0o700 })
        if (!isOurs()) return
        clear()
        writeFileSync(fileOf(distributor, endpoint), '')
      } catch {
        // As good as no memory.
      }
    },
  }
}
