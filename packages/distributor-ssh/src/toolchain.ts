/** dtlto-codegen with its loader and libraries, as it is shipped to a machine: files one after the other, in a directory that is named by their digests. */
import { createHash } from 'node:crypto'
import { type ToolchainFile, codegenToolchain, codegenProgram } from 'dtlto/plugin'

export interface Toolchain {
  readonly files: readonly ToolchainFile[]
  readonly sizeBytes: number
  /** SHA-256 of the lines of `sums`. */
  readonly digest: string
  /** Lines of `sha256sum`. */
  readonly sums: readonly string[]
  readonly program: string
  readonly loader: string
}

/** Rejects with DTLTO_ENDPOINT_REFUSED when this machine cannot tell what the program needs. */
export async function toolchainOf(env: Readonly<Record<string, string | undefined>>): Promise<Toolchain> {
  const { files, program, loader } = await codegenToolchain(codegenProgram(), env)
  const sorted = [...files].sort((a, b) => (a.name < b.name ? -1 : 1))
  const sums = sorted.map(({ sha256, name }) => `${sha256}  ${name}`)
  return {
    files: sorted,
    sizeBytes: sorted.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    digest: createHash('sha256').update(sums.join('\n')).digest('hex'),
    sums,
    program,
    loader,
  }
}
