import { appendFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { makeDirectory as createDirectory } from '../make-directory.js'
import { whyNotFile } from '../why-not-file.js'

/** Appends in one write, so that what several links append at a time is not mixed. Gives what went wrong, if anything. */
export function append(path: string, text: string, { makeDirectory = false } = {}): string | undefined {
  try {
    if (makeDirectory) createDirectory(dirname(path), 0o700)
    appendFileSync(path, text)
    return undefined
  } catch (error) {
    return `cannot write '${path}': ${whyNotFile(error)}`
  }
}
