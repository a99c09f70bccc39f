import { mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * `mkdir -p`. Node's own (`recursive: true`) never comes back where the system says ENOENT of a directory whose parent is there: `fs.mkdirSync('/proc/a', { recursive: true })`.
 * `mode`: of those that are made.
 */
export function makeDirectory(path: string, mode = 0o777): void {
  const parent = dirname(path)
  if (parent !== path && !isDirectory(parent)) makeDirectory(parent, mode)
  try {
    mkdirSync(path, { mode })
  } catch (error) {
    // Somebody else may have made it meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !isDirectory(path)) throw error
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}
