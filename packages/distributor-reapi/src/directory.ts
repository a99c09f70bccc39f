/** build.bazel.remote.execution.v2.Directory: a job has an entry for each module that it imports from, some dozens. Field numbers: remote_execution.proto, which is vendored. */
import { type Blob, bytesBlob } from './blob.js'
import type { Digest } from './generated/build/bazel/remote/execution/v2/remote_execution.js'
import { bytesTag, digestBytes, fieldBytes, MessageWriter } from './message-writer.js'

/** Of a Directory: a FileNode that is not executable, or a DirectoryNode. */
export interface NamedDigest {
  readonly name: string
  readonly digest: Digest
}

const FILES = bytesTag(1)
const DIRECTORIES = bytesTag(2)
const NODE_NAME = bytesTag(1)
const NODE_DIGEST = bytesTag(2)

/** Both lists must be sorted by name, as the protocol asks. The bytes are those of the generated codec. */
export function directoryBlob(files: readonly NamedDigest[], directories: readonly NamedDigest[]): Blob {
  const size = (nodes: readonly NamedDigest[]): number =>
    nodes.reduce((sum, node) => sum + fieldBytes(nodeBytes(node)), 0)
  const writer = new MessageWriter(size(files) + size(directories))
  for (const node of files) writeNode(writer, FILES, node)
  for (const node of directories) writeNode(writer, DIRECTORIES, node)
  return bytesBlob(writer.done())
}

function nodeBytes({ name, digest }: NamedDigest): number {
  return fieldBytes(Buffer.byteLength(name)) + fieldBytes(digestBytes(digest))
}

function writeNode(writer: MessageWriter, tag: number, node: NamedDigest): void {
  writer.field(tag, nodeBytes(node))
  writer.text(NODE_NAME, node.name)
  writer.digest(NODE_DIGEST, node.digest)
}
