/**
 * build.bazel.remote.execution.v2.Directory, encoded by hand: a job has an entry for each module that it imports from, some dozens, and a general codec takes more of the linker's
 * thread for them than for all other messages of the job. Field numbers: remote_execution.proto, which is vendored.
 */
import { type Blob, bytesBlob } from './blob.js'
import type { Digest } from './generated/build/bazel/remote/execution/v2/remote_execution.js'

/** Of a Directory: a FileNode that is not executable, or a DirectoryNode. */
export interface NamedDigest {
  readonly name: string
  readonly digest: Digest
}

/** Tags: the field's number, and that its length follows (2), or that it is a number (0). */
const FILES = (1 << 3) | 2
const DIRECTORIES = (2 << 3) | 2
const NODE_NAME = (1 << 3) | 2
const NODE_DIGEST = (2 << 3) | 2
const DIGEST_HASH = (1 << 3) | 2
const DIGEST_SIZE_BYTES = 2 << 3

/** Both lists must be sorted by name, as the protocol asks. The bytes are those of the generated codec. */
export function directoryBlob(files: readonly NamedDigest[], directories: readonly NamedDigest[]): Blob {
  const size = (nodes: readonly NamedDigest[]): number =>
    nodes.reduce((sum, node) => sum + fieldBytes(nodeBytes(node)), 0)
  const writer = new Writer(size(files) + size(directories))
  for (const node of files) writeNode(writer, FILES, node)
  for (const node of directories) writeNode(writer, DIRECTORIES, node)
  return bytesBlob(writer.bytes)
}

function nodeBytes({ name, digest }: NamedDigest): number {
  return fieldBytes(Buffer.byteLength(name)) + fieldBytes(digestBytes(digest))
}

/** What has its default value is not written: the size of what is empty. */
function digestBytes({ hash, sizeBytes }: Digest): number {
  return fieldBytes(hash.length) + (sizeBytes === 0 ? 0 : 1 + varintBytes(sizeBytes))
}

/** Tag, length and bytes. */
function fieldBytes(length: number): number {
  return 1 + varintBytes(length) + length
}

function varintBytes(value: number): number {
  let bytes = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++
  return bytes
}

function writeNode(writer: Writer, tag: number, node: NamedDigest): void {
  const { name, digest } = node
  writer.length(tag, nodeBytes(node))
  writer.text(NODE_NAME, name)
  writer.length(NODE_DIGEST, digestBytes(digest))
  writer.text(DIGEST_HASH, digest.hash)
  if (digest.sizeBytes > 0) writer.length(DIGEST_SIZE_BYTES, digest.sizeBytes)
}

class Writer {
  readonly bytes: Buffer
  #at = 0

  constructor(sizeBytes: number) {
    this.bytes = Buffer.allocUnsafe(sizeBytes)
  }

  /** A tag and a number, which with most tags is a length. */
  length(tag: number, value: number): void {
    this.bytes[this.#at++] = tag
    let rest = value
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.bytes[this.#at++] = (rest % 0x80) | 0x80
    this.bytes[this.#at++] = rest
  }

  text(tag: number, text: string): void {
    this.length(tag, Buffer.byteLength(text))
    this.#at += this.bytes.write(text, this.#at)
  }
}
