/**
 * The user's consent to code that a found dtlto.toml names, as direnv and git ask for it. Each consent is a file whose name is a digest of the
 * path, the owner and the content it was given for: whatever changes, it has to be given anew.
 */
import { createHash } from 'node:crypto'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { DtltoError } from '../errors.js'
import { makeDirectory } from '../make-directory.js'
import { readTrusted, type TrustedFile, whyDirectoryDistrusted } from './trusted-file.js'
import type { Environment } from './variables.js'

/** What to do about missing consent, for messages. */
export function howToAllow(path: string): string {
  return `look at it, and if you trust it run: dtlto allow '${path.replaceAll("'", String.raw`'\''`)}'`
}

export function isAllowed(file: TrustedFile, env: Environment): boolean {
  const directory = consentDirectory(env)
  if (directory === undefined) return false
  const consent = readTrusted(join(directory, digestOf(file)))
  return consent !== undefined && !('distrust' in consent)
}

/** Throws DTLTO_CONFIG_INVALID if the consent cannot be stored. */
export function allow(file: TrustedFile, env: Environment): void {
  const directory = consentDirectory(env)
  const refuse = (problem: string, cause?: unknown): never => {
    throw new DtltoError('DTLTO_CONFIG_INVALID', `the consent for '${file.path}' cannot be stored: ${problem}`, {
      cause,
    })
  }
  if (directory === undefined) return refuse('neither XDG_STATE_HOME nor HOME names a directory')
  const path = join(directory, digestOf(file))
  try {
    makeDirectory(directory, 0o700)
    const distrust = whyDirectoryDistrusted(directory)
    if (distrust !== undefined) return refuse(distrust)
    rmSync(path, { force: true })
    // Not through a link that somebody put there.
    writeFileSync(path, `${file.path}\n`, { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if (DtltoError.is(error)) throw error
    refuse(error instanceof Error ? error.message : String(error), error)
  }
}

/** Takes back every consent for a path; true if there was one. */
export function deny(path: string, env: Environment): boolean {
  const given = consents(env).filter((consent) => consent.path === path)
  for (const { entry } of given) rmSync(entry, { force: true })
  return given.length > 0
}

/** Each path that was ever allowed, and whether it still is as it was then. */
export function listAllowed(env: Environment): readonly { readonly path: string; readonly holds: boolean }[] {
  const paths = [...new Set(consents(env).map(({ path }) => path))].sort()
  return paths.map((path) => {
    const file = readTrusted(path)
    return { path, holds: file !== undefined && !('distrust' in file) && isAllowed(file, env) }
  })
}

function consents(env: Environment): readonly { readonly path: string; readonly entry: string }[] {
  const directory = consentDirectory(env)
  let names: string[] = []
  try {
    if (directory !== undefined) names = readdirSync(directory)
  } catch {
    // Nothing was ever allowed.
  }
  return names.flatMap((name) => {
    const entry = join(directory ?? '', name)
    const consent = readTrusted(entry)
    return consent === undefined || 'distrust' in consent ? [] : [{ path: consent.text.replace(/\n$/, ''), entry }]
  })
}

function digestOf({ path, owner, text }: TrustedFile): string {
  return createHash('sha256')
    .update(JSON.stringify([path, owner, text]))
    .digest('hex')
}

function consentDirectory(env: Environment): string | undefined {
  const { XDG_STATE_HOME: state, HOME: home = passwdHome() } = env
  // A relative one is to be ignored, says the XDG Base Directory Specification.
  if (state !== undefined && isAbsolute(state)) return join(state, 'dtlto', 'allowed')
  return home !== undefined && isAbsolute(home) ? join(home, '.local', 'state', 'dtlto', 'allowed') : undefined
}

function passwdHome(): string | undefined {
  try {
    return userInfo().homedir
  } catch {
    return undefined // a user without an entry there, as in many containers
  }
}
