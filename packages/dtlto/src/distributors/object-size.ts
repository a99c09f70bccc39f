/**
 * How large an object may be for its bitcode, that of imported modules included. Of the 127 of redis (-O2 -g) the largest has 2.1 times as many bytes as its bitcode, all together 0.11
 * times. A table that is mostly zeros has little bitcode and may be of any size: beyond this it is compiled by the linker itself.
 */
const BYTES_ALWAYS = 16 * 1024 * 1024
const BYTES_PER_BITCODE_BYTE = 32

/** In bytes. Who claims more has no object, or one that is not worth its memory. */
export function mostObjectBytes(bitcodeBytes: number): number {
  return BYTES_ALWAYS + BYTES_PER_BITCODE_BYTE * bitcodeBytes
}
