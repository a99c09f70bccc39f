import path from 'node:path'
import { linkerUnderTest, llvmBin, repository } from './environment.js'
import type { Flavour } from './targets.js'

const programs: Readonly<Record<Flavour, { readonly stock: string; readonly dtlto: string }>> = {
  elf: { stock: 'ld.lld', dtlto: 'ld.dtlto' },
  mingw: { stock: 'ld.lld', dtlto: 'ld.dtlto' },
  coff: { stock: 'lld-link', dtlto: 'dtlto-link' },
  macho: { stock: 'ld64.lld', dtlto: 'ld64.dtlto' },
  wasm: { stock: 'wasm-ld', dtlto: 'wasm-ld.dtlto' },
}

export type Side = 'stock' | 'dtlto'

/** The program of a side; with DTLTO_PARITY_LINKER=stock both sides are the stock linker. */
export function linker(flavour: Flavour, side: Side): string {
  if (side === 'stock' || linkerUnderTest === 'stock') return path.join(llvmBin, programs[flavour].stock)
  return path.join(repository, 'packages/dtlto/bin', programs[flavour].dtlto)
}
