/** Programs and files that a test of another machine's programs needs, and the reason to skip where one is missing. */
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

export interface Need {
  /** A path, or a program on PATH; several: any of them. */
  readonly anyOf: readonly string[]
  /** The Debian package that has it. */
  readonly from: string
}

export function need(from: string, ...anyOf: readonly string[]): Need {
  return { anyOf, from }
}

/** The first of a need's alternatives that is installed. */
export function find({ anyOf }: Need): string | undefined {
  const directories = (process.env['PATH'] ?? '').split(delimiter)
  return anyOf
    .flatMap((name) => (name.startsWith('/') ? [name] : directories.map((directory) => join(directory, name))))
    .find((path) => existsSync(path))
}

/** The same, where whyMissing has found nothing missing. */
export function found(wanted: Need): string {
  const path = find(wanted)
  if (path === undefined) throw new Error(missing(wanted))
  return path
}

/** The reason to skip: what is missing, and the package that has it. */
export function whyMissing(needs: readonly Need[]): string | undefined {
  const reasons = needs.filter((wanted) => find(wanted) === undefined).map(missing)
  return reasons.length === 0 ? undefined : reasons.join('; ')
}

function missing({ anyOf, from }: Need): string {
  return `${anyOf.join(' or ')} is missing (package ${from})`
}
