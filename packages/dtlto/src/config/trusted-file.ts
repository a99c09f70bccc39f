/**
 * Files that nobody but the user or root can have written (docs/security.md). Much as sshd does it with authorized_keys: the file and, where it
 * is a symbolic link, the link belong to the user or root, nobody else may write the file, and nobody else may put another one in its
 * place. The content is that of the file that was looked at: it is opened first, without waiting and without following a link.
 */
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  realpathSync,
  statSync,
  type Stats,
} from 'node:fs'
import { dirname } from 'node:path'

export interface TrustedFile {
  /** Without symbolic links. */
  readonly path: string
  readonly owner: number
  readonly text: string
}

/** Says why a file is not to be trusted, for a message: "it belongs to user 65534". */
export interface Distrust {
  readonly distrust: string
}

/** Whose files are trusted beside root's. */
export interface User {
  readonly uid: number
  readonly gid: number
}

const MAX_BYTES = 1 << 20
const STICKY = 0o1000

/** Undefined where users have no numbers (Windows): then nothing is distrusted. */
export function currentUser(): User | undefined {
  const [uid, gid] = [process.geteuid?.(), process.getegid?.()]
  return uid === undefined || gid === undefined ? undefined : { uid, gid }
}

/** The file's content; why it is not trusted; or undefined if there is none. */
export function readTrusted(path: string, user = currentUser()): TrustedFile | Distrust | undefined {
  const place = locate(path, user)
  if (place === undefined || 'distrust' in place) return place
  let fd: number
  try {
    fd = openSync(place.path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW | constants.O_NOCTTY)
  } catch (error) {
    return { distrust: `it cannot be read (${codeOf(error)})` }
  }
  try {
    const stats = fstatSync(fd)
    const distrust = distrustOfFile(stats, user)
    if (distrust !== undefined) return { distrust }
    if (stats.size > MAX_BYTES) return { distrust: `it is larger than ${String(MAX_BYTES)} bytes` }
    return { path: place.path, owner: stats.uid, text: readFileSync(fd, 'utf8') }
  } catch (error) {
    return { distrust: `it cannot be read (${codeOf(error)})` }
  } finally {
    closeSync(fd)
  }
}

/** Why a file, for example one with code, is not trusted; undefined if it is, or is not there. */
export function whyDistrusted(path: string, user = currentUser()): string | undefined {
  const place = locate(path, user)
  return place !== undefined && 'distrust' in place ? place.distrust : undefined
}

/** Why others could put files into a directory; undefined if they cannot. */
export function whyDirectoryDistrusted(directory: string, user = currentUser()): string | undefined {
  const stats = statSync(directory, { throwIfNoEntry: false })
  if (stats === undefined || user === undefined) return undefined
  if (!isOwn(stats, user)) return `its directory '${directory}' belongs to user ${String(stats.uid)}`
  // In a sticky directory, as /tmp is, nobody can replace what is not theirs.
  const isSticky = (stats.mode & STICKY) !== 0
  return othersMayWrite(stats, user) && !isSticky
    ? `others may write to its directory '${directory}' (mode ${modeOf(stats)})`
    : undefined
}

/** Where a path leads, if links, directories and the file itself are trusted. */
function locate(path: string, user: User | undefined): { readonly path: string } | Distrust | undefined {
  let stats: Stats
  try {
    stats = lstatSync(path)
  } catch {
    return undefined // not there, or in a directory that may not be looked into
  }
  const isLink = stats.isSymbolicLink()
  if (isLink && user && !isOwn(stats, user)) return { distrust: `it is a symbolic link of user ${String(stats.uid)}` }
  let target: string
  try {
    target = realpathSync(path)
    if (isLink) stats = lstatSync(target)
  } catch (error) {
    return {
      distrust: `${isLink ? 'it is a symbolic link that leads nowhere' : 'it cannot be read'} (${codeOf(error)})`,
    }
  }
  for (const directory of new Set([dirname(path), dirname(target)])) {
    const distrust = whyDirectoryDistrusted(directory, user)
    if (distrust !== undefined) return { distrust }
  }
  const distrust = distrustOfFile(stats, user)
  return distrust === undefined ? { path: target } : { distrust }
}

function distrustOfFile(stats: Stats, user: User | undefined): string | undefined {
  if (!stats.isFile()) return 'it is not a regular file'
  if (user === undefined) return undefined
  if (!isOwn(stats, user)) return `it belongs to user ${String(stats.uid)}`
  return othersMayWrite(stats, user) ? `others may write it (mode ${modeOf(stats)})` : undefined
}

const isOwn = ({ uid }: Stats, user: User): boolean => uid === user.uid || uid === 0

/** A group that has the user's own number is the user's alone, as most distributions set it up; there umask 002 is the rule. */
function othersMayWrite({ mode, gid }: Stats, user: User): boolean {
  const isOwnGroup = gid === user.gid && gid === user.uid
  return (mode & constants.S_IWOTH) !== 0 || ((mode & constants.S_IWGRP) !== 0 && !isOwnGroup)
}

const modeOf = ({ mode }: Stats): string => (mode & 0o7777).toString(8).padStart(4, '0')

const codeOf = (error: unknown): string => String((error as NodeJS.ErrnoException).code ?? error)
