/**
 * Why these bytes cannot be an assembly file as LLVM writes it; empty if they can. Assembly has no tables to check: what is cut off between two
 * lines, or is another module's, only --distribute-verify can tell.
 */
export function whyNotAssembly(bytes: Uint8Array): string {
  if (bytes.some(isControl)) return 'no assembly: it holds bytes that are no text'
  return bytes.at(-1) === NEWLINE ? '' : 'damaged: its last line has no end'
}

const TAB = 0x09
const NEWLINE = 0x0a
const CARRIAGE_RETURN = 0x0d
const SPACE = 0x20
const DELETE = 0x7f

function isControl(byte: number): boolean {
  return (byte < SPACE && byte !== TAB && byte !== NEWLINE && byte !== CARRIAGE_RETURN) || byte === DELETE
}
