/**
 * When the final link fails and objects took part that nobody can vouch for, they may be to blame, and then every module is compiled on this machine once more.
 * In a linker program lld may be in any state by then, or have crashed, so the process becomes stock lld (native/src/link/second_link.h). In a
 * program that embeds the link, a second one follows the first.
 */
import { statSync } from 'node:fs'
import { type NativeArgument, native, stockLinkerProgram } from '@dtlto/native'

/** Objects that lld has and that were neither verified nor protected on their way. */
export interface Doubts {
  /** Names of endpoints and their workers, by distributor. */
  readonly sources: ReadonlyMap<string, ReadonlySet<string>>
  /** Where lld's cache has such objects. */
  readonly cacheEntries: readonly string[]
}

export const NO_DOUBTS: Doubts = { sources: new Map(), cacheEntries: [] }

interface SecondLinkRequest {
  readonly argv: readonly NativeArgument[]
  readonly settings: { readonly fallback: 'local' | 'none' }
}

/** Whether a second link makes sense: this machine may compile, there are doubts, and all inputs can be read, and outputs written, again. */
export function canLinkAgain({ argv, settings }: SecondLinkRequest, { sources }: Doubts): boolean {
  if (settings.fallback !== 'local' || sources.size === 0) return false
  const given = argv.map((argument) => Buffer.from(argument))
  // A response file that is a pipe must not be read here.
  if (given.some((argument) => isResponseFile(argument) && isForOnce(argument))) return false
  return !native()
    .expandResponseFiles(argv, false)
    .some((argument) => isForOnce(Buffer.from(argument)))
}

/** Descriptors of this process, which lead somewhere else while output is held; whatever they are. */
const DESCRIPTOR = /^\/dev\/(stdin|stdout|stderr|fd\/)|^\/proc\//
/** lld calls it for errors, of which there would be two rounds. */
const ERROR_SCRIPT = /^--?error-handling-script/

/** Whether it names a pipe, a terminal, a socket, or a program to be called. */
function isForOnce(argument: Buffer): boolean {
  if (ERROR_SCRIPT.test(argument.toString())) return true
  return pathsIn(argument).some((path) => {
    if (DESCRIPTOR.test(path.toString())) return true
    const found = statSync(path, { throwIfNoEntry: false })
    return found !== undefined && !found.isFile() && !found.isDirectory() && path.toString() !== '/dev/null'
  })
}

const isResponseFile = (argument: Buffer): boolean => argument[0] === '@'.charCodeAt(0)

/** What an argument may have for a path: all of it, the file of `@FILE`, what follows `=`, and what begins with a slash, as in `-T/dev/stdin`. */
function pathsIn(argument: Buffer): Buffer[] {
  if (isResponseFile(argument)) return [argument.subarray(1)]
  if (argument[0] !== '-'.charCodeAt(0)) return [argument]
  const [equals, slash] = [argument.indexOf('='), argument.indexOf('/')]
  return [...(equals < 0 ? [] : [argument.subarray(equals + 1)]), ...(slash < 0 ? [] : [argument.subarray(slash)])]
}

/** The first of the distributors whose objects are in doubt. */
export function inDoubt({ sources }: Doubts): string {
  return sources.keys().next().value ?? ''
}

/** For the user: whose objects, and what is done. One line without an end. */
export function describeDoubts({ sources }: Doubts): string {
  const names = [...sources].flatMap(([distributor, workers]) =>
    [...workers].map((worker) => (worker === '' ? distributor : `${distributor} '${worker}'`)),
  )
  const shown =
    names.slice(0, SHOWN).join(', ') + (names.length > SHOWN ? `, and ${String(names.length - SHOWN)} more` : '')
  return (
    `the final link failed, with objects of ${shown}, for which nobody can vouch: it is done once more, with every module compiled on this machine; ` +
    `if that succeeds, --distribute-verify shows which objects were wrong`
  )
}

const SHOWN = 5

/** A warning as the program writes it. */
export type SecondLinkNotice = (message: string) => string

/** In a linker program: holds lld's output back from now on. Undefined if that cannot be. */
export function holdFinalLink(
  request: Pick<SecondLinkRequest, 'argv'>,
  doubts: Doubts,
  notice: SecondLinkNotice,
): HeldLink | undefined {
  const held = native().holdOutput({
    program: stockLinkerProgram(),
    arguments: request.argv,
    remove: doubts.cacheEntries,
    notice: notice(`${inDoubt(doubts)}: ${describeDoubts(doubts)}`),
  })
  if (!held) return undefined
  return {
    succeeded: () => native().releaseOutput(),
    failed: () => {
      native().startSecondLink()
      // It could not be started: the first link is all that there is.
      native().releaseOutput()
    },
  }
}

export interface HeldLink {
  readonly succeeded: () => void
  /** Does not return, unless the second link could not be started. */
  readonly failed: () => void
}
