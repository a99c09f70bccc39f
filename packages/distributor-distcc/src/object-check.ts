/**
 * Is this the whole native object that a target should get? distcc carries no checksum, and clang has ways to exit with
 * success and no or another object, so every object is looked at: format, machine, and whether the tables that its
 * header announces lie inside it.
 *
 * Machine numbers: ELF gABI e_machine, PE/COFF specification, Mach-O's cpu_type_t.
 */

type Format = 'ELF' | 'COFF' | 'Mach-O' | 'Wasm'

const ELF_MACHINES: Readonly<Record<string, number>> = {
  i386: 3,
  i486: 3,
  i586: 3,
  i686: 3,
  mips: 8,
  mipsel: 8,
  mips64: 8,
  mips64el: 8,
  powerpc: 20,
  powerpcle: 20,
  powerpc64: 21,
  powerpc64le: 21,
  s390x: 22,
  arm: 40,
  armeb: 40,
  thumb: 40,
  sparc64: 43,
  sparcv9: 43,
  x86_64: 62,
  aarch64: 183,
  aarch64_be: 183,
  riscv32: 243,
  riscv64: 243,
  loongarch32: 258,
  loongarch64: 258,
}
const COFF_MACHINES: Readonly<Record<string, readonly number[]>> = {
  i386: [0x14c],
  i686: [0x14c],
  x86_64: [0x8664],
  aarch64: [0xaa64],
  arm64ec: [0xa641, 0xa64e],
  arm: [0x1c4],
  thumb: [0x1c4],
}
const MACHO_CPUS: Readonly<Record<string, number>> = {
  i386: 7,
  i686: 7,
  x86_64: 0x01000007,
  x86_64h: 0x01000007,
  arm: 12,
  armv7: 12,
  armv7k: 12,
  thumbv7: 12,
  arm64: 0x0100000c,
  arm64e: 0x0100000c,
  aarch64: 0x0100000c,
  arm64_32: 0x0200000c,
  aarch64_32: 0x0200000c,
}

/** What is wrong with `object` as a native object for `triple`; undefined when nothing is. */
export function whyNotAnObject(object: Uint8Array, triple: string): string | undefined {
  if (object.length === 0) return 'the object is empty'
  const expected = formatOf(triple)
  const view = new DataView(object.buffer, object.byteOffset, object.byteLength)
  const actual = detect(view)
  if (actual !== expected)
    return `expected a ${expected} object for ${triple} but received ${actual ?? 'something else'}`
  if (expected === 'ELF') return checkElf(view, triple)
  if (expected === 'COFF') return checkCoff(view, triple)
  if (expected === 'Mach-O') return checkMachO(view, triple)
  return undefined
}

function formatOf(triple: string): Format {
  if (/^wasm(32|64)/.test(triple)) return 'Wasm'
  // LLVM lets the environment override the OS's format: x86_64-pc-windows-elf, x86_64-pc-windows-macho.
  if (/-elf$/.test(triple)) return 'ELF'
  if (/-macho$|-(apple|darwin|macos|ios|tvos|watchos|xros|driverkit)/.test(triple)) return 'Mach-O'
  if (/-(windows|win32|mingw32|cygwin|uefi)/.test(triple)) return 'COFF'
  return 'ELF'
}

function detect(view: DataView): Format | undefined {
  if (view.byteLength < 20) return view.byteLength >= 8 && view.getUint32(0) === 0x0061736d ? 'Wasm' : undefined
  const magic = view.getUint32(0)
  if (magic === 0x7f454c46) return 'ELF'
  if (magic === 0x0061736d) return 'Wasm'
  if (magic === 0xcffaedfe || magic === 0xcefaedfe) return 'Mach-O'
  const machine = view.getUint16(0, true)
  const known = Object.values(COFF_MACHINES).some((machines) => machines.includes(machine))
  return known || isBigObject(view) ? 'COFF' : undefined
}

function checkElf(view: DataView, triple: string): string | undefined {
  const is64 = view.getUint8(4) === 2
  const little = view.getUint8(5) === 1
  if (view.byteLength < (is64 ? 64 : 52)) return 'the ELF header is cut off'
  const machine = view.getUint16(18, little)
  const expected = byArch(ELF_MACHINES, triple)
  if (expected !== undefined && machine !== expected) {
    return `expected ELF machine ${expected} for ${triple} but received ${machine}`
  }
  const sections = is64 ? Number(view.getBigUint64(40, little)) : view.getUint32(32, little)
  const entry = view.getUint16(is64 ? 58 : 46, little)
  const count = view.getUint16(is64 ? 60 : 48, little)
  if (sections === 0) return 'the ELF object has no sections'
  return beyond(view, sections + entry * Math.max(count, 1), 'section headers')
}

function checkCoff(view: DataView, triple: string): string | undefined {
  const big = isBigObject(view)
  const machine = view.getUint16(big ? 6 : 0, true)
  const expected = byArch(COFF_MACHINES, triple)
  if (expected !== undefined && !expected.includes(machine)) {
    return `expected COFF machine ${expected.map(hex).join(' or ')} for ${triple} but received ${hex(machine)}`
  }
  if (big) {
    if (view.byteLength < 56) return 'the COFF header is cut off'
    return beyond(view, view.getUint32(48, true) + view.getUint32(52, true) * 20, 'symbol table')
  }
  return beyond(view, view.getUint32(8, true) + view.getUint32(12, true) * 18, 'symbol table')
}

/** ANON_OBJECT_HEADER_BIGOBJ: machine 0, 0xffff, version 2. */
function isBigObject(view: DataView): boolean {
  return view.getUint32(0) === 0x0000ffff && view.getUint16(4, true) >= 2
}

function checkMachO(view: DataView, triple: string): string | undefined {
  const cpu = view.getUint32(4, true)
  const expected = byArch(MACHO_CPUS, triple)
  if (expected !== undefined && cpu !== expected) {
    return `expected Mach-O CPU ${hex(expected)} for ${triple} but received ${hex(cpu)}`
  }
  const header = view.getUint32(0) === 0xcffaedfe ? 32 : 28
  return beyond(view, header + view.getUint32(20, true), 'load commands')
}

function beyond(view: DataView, end: number, what: string): string | undefined {
  return end > view.byteLength ? `the object ends before its ${what} do` : undefined
}

/** The entry for a triple's architecture, with or without the version that arm and thumb carry (armv7a, thumbv7em). */
function byArch<T>(table: Readonly<Record<string, T>>, triple: string): T | undefined {
  const arch = triple.split('-')[0] ?? ''
  return table[arch] ?? table[arch.replace(/^(arm|thumb)(eb)?v\d.*$/, '$1$2')]
}

function hex(value: number): string {
  return `0x${value.toString(16)}`
}
