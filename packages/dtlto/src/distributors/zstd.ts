import { native } from '@dtlto/native'

/** zstd, as libLLVM has it, on Node's threads. What is given must stay where it is until the promise has settled. */
export interface Zstd {
  /** Bytes to one frame; frames may be put one after the other. `level`: 1 (fastest) to 22. */
  compress(bytes: Uint8Array, level: number): Promise<Uint8Array>
  /** Frames to the `sizeBytes` bytes that they hold. Rejects with an Error for what does not. Takes as much memory at once, so check the size before. */
  decompress(bytes: Uint8Array, sizeBytes: number): Promise<Uint8Array>
}

/** Undefined if this machine's LLVM was built without it. */
export function zstd(): Zstd | undefined {
  return native().zstd
}
