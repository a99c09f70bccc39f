/** What is uploaded: bytes under their digest, wherever they lie until they are sent. */
import { hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import type { JobContent } from 'dtlto/plugin'
import type { Digest, MessageFns } from './generated/build/bazel/remote/execution/v2/remote_execution.js'
import { encodeMessage } from './grpc/methods.js'

export interface Blob {
  readonly digest: Digest
  readonly from:
    | { readonly kind: 'bytes'; readonly bytes: Buffer }
    /** The linker's memory. */
    | { readonly kind: 'content'; readonly content: JobContent }
    | { readonly kind: 'file'; readonly path: string }
}

export function digestOf(bytes: Uint8Array): Digest {
  return { hash: hash('sha256', bytes, 'hex'), sizeBytes: bytes.length }
}

export function bytesBlob(bytes: Buffer): Blob {
  return { digest: digestOf(bytes), from: { kind: 'bytes', bytes } }
}

export function messageBlob<T>(codec: Pick<MessageFns<T>, 'encode' | 'decode'>, message: T): Blob {
  return bytesBlob(encodeMessage(codec, message))
}

/** `hash`: of its digest. */
export function contentBlob(content: JobContent, hash: string): Blob {
  return { digest: { hash, sizeBytes: content.sizeBytes }, from: { kind: 'content', content } }
}

/** The bytes in pieces of at most `chunkBytes`; of the linker's memory they are views. Rejects when a file cannot be read. */
export async function* chunksOf({ from }: Blob, chunkBytes: number): AsyncGenerator<Buffer> {
  switch (from.kind) {
    case 'bytes':
      yield* slices(from.bytes, chunkBytes)
      return
    case 'content': {
      const lease = from.content.lease()
      try {
        for (const part of lease.parts) yield* slices(part, chunkBytes)
      } finally {
        lease.release()
      }
      return
    }
    case 'file':
      for await (const chunk of createReadStream(from.path, { highWaterMark: chunkBytes })) yield chunk as Buffer
  }
}

function* slices(bytes: Uint8Array, chunkBytes: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    const part = bytes.subarray(at, at + chunkBytes)
    yield Buffer.from(part.buffer, part.byteOffset, part.byteLength)
  }
}

/** All of it in memory, one after the other: for what is small. Of the linker's memory they are views, to be read before `release`. */
export async function partsOf(
  blob: Blob,
): Promise<{ readonly parts: readonly Uint8Array[]; readonly release: () => void }> {
  const { from } = blob
  if (from.kind === 'content') {
    const lease = from.content.lease()
    return { parts: lease.parts, release: () => lease.release() }
  }
  const parts: Buffer[] = []
  for await (const chunk of chunksOf(blob, 1 << 20)) parts.push(chunk)
  return { parts, release: () => undefined }
}
