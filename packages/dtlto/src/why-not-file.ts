/** Why a file could not be read or written. Node's own words end with the call and the name that it was given, which may be one that the user never wrote. */
import { getSystemErrorMap } from 'node:util'

/** `no such file or directory`: to stand behind the file's name. */
export function whyNotFile(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { errno } = error as NodeJS.ErrnoException
  return (errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1]) ?? error.message
}
