/**
 * What the launcher hands over (launcher/main.cpp and node.h): who was started how, by which arguments, and what of the user's
 * environment it kept from Node.
 */
import type { NativeArgument, NativeStart } from '@dtlto/native'
import type { Flavour } from './programs.js'

export interface StartInformation {
  /** As the user's argv[0]. */
  readonly startedAs: string
  readonly flavour: Flavour
  /** lld's argv[0]: the path of the stock program that is stood in for. */
  readonly stock: string
  /** The directory of the addon with the LLVM that links; empty without a launcher (keep-compiled.cjs). */
  readonly native: string
  /** How response files are to be read. */
  readonly windowsQuoting: boolean
  /** What Node changes when it starts. */
  readonly process: NativeStart
  readonly argv: readonly NativeArgument[]
}

/** `argv` without Node and its script. */
export function startInformation(argv: readonly string[]): StartInformation {
  const [, startedAs = '', flavour = '', stock = '', , native = '', quoting = '', ...state] = argv
  const [signals = '', descriptors = '', descriptorLimit = '', ...rest] = state
  return {
    startedAs: String(decodeArgument(startedAs)),
    flavour: flavour as Flavour,
    stock: String(decodeArgument(stock)),
    native: String(decodeArgument(native)),
    windowsQuoting: quoting === 'windows',
    process: {
      ignoredSignals: numbers(signals),
      descriptors: numbers(descriptors),
      descriptorLimit: Number(descriptorLimit),
    },
    argv: rest.map(decodeArgument),
  }
}

const numbers = (text: string): number[] => (text === '' ? [] : text.split(',').map(Number))

/** Arguments that are not UTF-8 come as hexadecimal digits after the character 1. */
function decodeArgument(argument: string): NativeArgument {
  return argument.startsWith('\u0001') ? Buffer.from(argument.slice(1), 'hex') : argument
}

const HIDDEN = 'DTLTO_START_HIDDEN_'
const ADDED = 'DTLTO_START_ADDED'

/**
 * Puts the user's environment back, in the process itself: programs that this one and lld start shall see it. It was hidden from Node's
 * start, which NODE_OPTIONS, NODE_CHANNEL_FD and others would steer.
 */
export function restoreEnvironment(env: NodeJS.ProcessEnv): void {
  const added = env[ADDED]?.split(',') ?? []
  for (const name of [...added, ADDED]) Reflect.deleteProperty(env, name)
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith(HIDDEN)) continue
    env[name.slice(HIDDEN.length)] = value
    Reflect.deleteProperty(env, name)
  }
}
