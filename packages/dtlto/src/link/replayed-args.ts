import type { LinkFacts } from '../distributors/interface.js'

/**
 * LLVM options on lld's command line that its Config does not hold, so that a worker elsewhere must be given them: in ELF
 * `-plugin-opt=-x` (also as two arguments), in Wasm every `-mllvm x`. The other flavours keep all of theirs in the Config.
 */
export function replayedArgs(argv: readonly unknown[], flavour: LinkFacts['flavour']): string[] {
  const pattern = flavour === 'elf' ? /^--?plugin-opt$/ : flavour === 'wasm' ? /^--?mllvm$/ : undefined
  const found: string[] = []
  if (!pattern) return found
  const args = argv.slice(1).map(String)
  for (let i = 0; i < args.length; i++) {
    const argument = args[i] as string
    const [, name = argument, joined] = /^(--?[a-z-]+)=(.*)$/s.exec(argument) ?? []
    if (!pattern.test(name)) continue
    const value = joined ?? args[++i]
    if (value === undefined) break // lld says so
    if (flavour === 'wasm' || value.startsWith('-')) found.push(value)
  }
  return found
}
