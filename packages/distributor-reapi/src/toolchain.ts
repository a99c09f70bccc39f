/**
 * The compiler as a part of an action's inputs: dtlto-codegen, its loader and its libraries, in one directory that is the same for all jobs. A worker then
 * needs nothing but a kernel, and what compiles is exactly what would compile here.
 */
import { type ToolchainFile, codegenToolchain } from 'dtlto/plugin'
import { type Blob, messageBlob } from './blob.js'
import { Directory } from './generated/build/bazel/remote/execution/v2/remote_execution.js'

export interface ShippedToolchain {
  /** The directory's own message, and the files in it. */
  readonly directory: Blob
  readonly files: readonly Blob[]
  /** Of the program's loader, in the directory. */
  readonly loader: string
}

/** `codegen`: path of dtlto-codegen. Rejects with DTLTO_ENDPOINT_REFUSED when the machine cannot tell what the program needs. */
export async function shippedToolchain(
  codegen: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<ShippedToolchain> {
  const { files, loader } = await codegenToolchain(codegen, env)
  return {
    directory: messageBlob(Directory, directoryOf(files)),
    files: files.map(({ sha256, sizeBytes, path }) => ({
      digest: { hash: sha256, sizeBytes },
      from: { kind: 'file', path },
    })),
    loader,
  }
}

function directoryOf(files: readonly ToolchainFile[]): Directory {
  const nodes = files.map(({ name, sha256, sizeBytes }) => ({
    name,
    digest: { hash: sha256, sizeBytes },
    isExecutable: true,
    nodeProperties: undefined,
  }))
  return { files: nodes.sort(byName), directories: [], symlinks: [], nodeProperties: undefined }
}

/** The order in which entries of a Directory stand: by the bytes of their names, which are ASCII. */
export function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0
}
