import { native } from '@dtlto/native'
import type { LinkFacts } from '../distributors/interface.js'
import type { LinkRequest } from './link.js'

const MINGW_EMULATIONS = ['i386pe', 'i386pep', 'thumb2pe', 'arm64pe', 'arm64ecpe']

/** What distributors may know of a link before it starts. */
export function linkFacts({ argv, workingDirectory }: Pick<LinkRequest, 'argv' | 'workingDirectory'>): LinkFacts {
  return { flavour: flavourOf(argv), llvmVersion: native().llvmVersion, workingDirectory }
}

/** As lld chooses: by the program's name, and for ld.lld by a PE emulation (`-m i386pep`). */
export function flavourOf(argv: LinkRequest['argv']): LinkFacts['flavour'] {
  const program = String(argv[0]).replace(/^.*[/\\]/, '')
  if (program.startsWith('lld-link')) return 'coff'
  if (program.startsWith('ld64')) return 'macho'
  if (program.startsWith('wasm-ld')) return 'wasm'
  const emulation = argv.findLast((argument, i) => argv[i - 1] === '-m' || /^-m./.test(String(argument)))
  return MINGW_EMULATIONS.includes(String(emulation).replace(/^-m/, '')) ? 'mingw' : 'elf'
}
