/** How many objects and archives a command line names: what a link without ThinLTO modules could have had them in. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import type { NativeArgument } from '@dtlto/native'

const HEAD_BYTES = 20
/** Of archives, thin ones, bitcode, bitcode behind a header, and objects of Mach-O, Wasm and large COFF. */
const MAGIC: readonly Buffer[] = [
  Buffer.from('!<arch>\n'),
  Buffer.from('!<thin>\n'),
  Buffer.from('BC\xc0\xde', 'latin1'),
  Buffer.from('dec0170b', 'hex'),
  Buffer.from('cffaedfe', 'hex'),
  Buffer.from('cefaedfe', 'hex'),
  Buffer.from('\0asm'),
  Buffer.from('0000ffff', 'hex'),
]
const ELF_MAGIC = Buffer.from('\x7fELF')
/** ELF's e_type, and that of objects; programs and shared libraries hold no modules. */
const ELF_TYPE_AT = 16
const ELF_OBJECT = 1
/** COFF's objects have no magic but their machine: x86-64, arm64, x86. */
const COFF_MACHINES = [0x8664, 0xaa64, 0x14c]

/** `argv`: lld's arguments, response files expanded. Libraries that are looked for (`-lfoo`) are not counted. */
export function inputFiles(argv: readonly NativeArgument[]): number {
  return argv.filter((argument) => !String(argument).startsWith('-') && isInput(argument)).length
}

function isInput(path: NativeArgument): boolean {
  let file: number
  try {
    file = openSync(Buffer.from(path), 'r')
  } catch {
    return false
  }
  try {
    // One that can be read once has been read.
    if (!fstatSync(file).isFile()) return false
    const buffer = Buffer.alloc(HEAD_BYTES)
    return isObjectOrArchive(buffer.subarray(0, readSync(file, buffer, 0, HEAD_BYTES, 0)))
  } finally {
    closeSync(file)
  }
}

function isObjectOrArchive(head: Buffer): boolean {
  const begins = (magic: Buffer): boolean => head.subarray(0, magic.length).equals(magic)
  if (MAGIC.some(begins)) return true
  if (head.length < HEAD_BYTES) return false
  if (begins(ELF_MAGIC)) return head[ELF_TYPE_AT] === ELF_OBJECT || head[ELF_TYPE_AT + 1] === ELF_OBJECT
  return COFF_MACHINES.includes(head.readUInt16LE(0))
}
