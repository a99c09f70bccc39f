import type { NativeArgument } from '@dtlto/native'
import type { Flavour } from './programs.js'

/** How lld's formats name the output. ELF, MinGW and Wasm also take the name joined to `-o`. */
const JOINED: Readonly<Partial<Record<Flavour, RegExp>>> = {
  coff: /^[-/]out:(.+)$/is,
  macho: /^--output=(.+)$/s,
}
const GNU = /^(?:--output=|-o(?!magic$))(.+)$/s

/** The output as the arguments name it, the last one; lld's default where they do not. */
export function outputOf(argv: readonly NativeArgument[], flavour: Flavour): string {
  const words = argv.map(text)
  const joined = JOINED[flavour] ?? GNU
  const named = words.flatMap((word, i) => {
    if (flavour !== 'coff' && (word === '-o' || word === '--output')) return words[i + 1] ?? []
    return joined.exec(word)?.[1] ?? []
  })
  return named.at(-1) ?? (flavour === 'coff' ? 'an executable' : 'a.out')
}

/** An argument that is no text has replacement characters where it is none. */
export function text(argument: NativeArgument): string {
  return typeof argument === 'string' ? argument : Buffer.from(argument).toString('utf8')
}
