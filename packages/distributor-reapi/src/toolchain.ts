/**
 * The compiler as a part of an action's inputs: dtlto-codegen, its loader and its libraries, in one directory that is the same for all jobs. A worker then
 * needs nothing but a kernel, and what compiles is exactly what would compile here.
 */
import { execFile } from 'node:child_process'
import { lstat, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { DtltoError } from 'dtlto/plugin'
import { type Blob, messageBlob } from './blob.js'
import { Directory } from './generated/build/bazel/remote/execution/v2/remote_execution.js'

export interface ShippedToolchain {
  /** The directory's own message, and the files in it. */
  readonly directory: Blob
  readonly files: readonly Blob[]
  /** Of the program's loader, in the directory. */
  readonly loader: string
}

interface ToolFile {
  readonly hash: string
  readonly sizeBytes: number
  readonly path: string
  /** Whether it is still the file that was hashed: modification time and inode. */
  readonly identity: string
}

/** `codegen`: path of dtlto-codegen. Rejects with DTLTO_ENDPOINT_REFUSED when the machine cannot tell what the program needs. */
export async function shippedToolchain(
  codegen: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<ShippedToolchain> {
  const memory = memoryFile(env)
  const files = (await remembered(memory, codegen)) ?? (await lookAt(codegen, memory))
  const names = files.map(({ path }) => basename(path))
  const loader = names.find((name) => /^ld(-linux|-musl|64)?[\w.-]*\.so(\.\d+)?$/.test(name))
  if (loader === undefined || new Set(names).size !== names.length)
    throw refused(
      `'${codegen}' cannot be shipped: ${loader === undefined ? 'it has no loader' : 'two of its libraries have one name'}`,
    )
  return {
    directory: messageBlob(Directory, directoryOf(files)),
    files: files.map(({ hash, sizeBytes, path }) => ({ digest: { hash, sizeBytes }, from: { kind: 'file', path } })),
    loader,
  }
}

function directoryOf(files: readonly ToolFile[]): Directory {
  const nodes = files.map(({ path, hash, sizeBytes }) => ({
    name: basename(path),
    digest: { hash, sizeBytes },
    isExecutable: true,
    nodeProperties: undefined,
  }))
  return { files: nodes.sort(byName), directories: [], symlinks: [], nodeProperties: undefined }
}

/** The order in which entries of a Directory stand: by the bytes of their names, which are ASCII. */
export function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0
}

const LINE = /^([0-9a-f]{64}) (\d+) "(.*)"$/

/** Hashing some 200 MB takes most of a second, in another process. */
async function lookAt(codegen: string, memory: string): Promise<ToolFile[]> {
  const { stdout } = await promisify(execFile)(codegen, ['--manifest']).catch((error: unknown) => {
    throw refused(
      `'${codegen}' --manifest fails: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : ''}`,
    )
  })
  const lines = stdout.split('\n').flatMap((line) => {
    const [, hash, size, path] = LINE.exec(line) ?? []
    return hash !== undefined && path !== undefined ? [{ hash, sizeBytes: Number(size), path }] : []
  })
  const files = await Promise.all(
    lines.map(async (file) => ({ ...file, identity: (await identityOf(file.path, file.sizeBytes)) ?? '' })),
  )
  await remember(memory, codegen, files)
  return files
}

async function identityOf(path: string, sizeBytes: number): Promise<string | undefined> {
  try {
    const status = await stat(path, { bigint: true })
    return status.size === BigInt(sizeBytes) ? `${status.mtimeNs} ${status.ino} ${status.dev}` : undefined
  } catch {
    return undefined
  }
}

function memoryFile(env: Readonly<Record<string, string | undefined>>): string {
  return join(env['XDG_CACHE_HOME'] || join(env['HOME'] || homedir(), '.cache'), 'dtlto', 'toolchain.json')
}

/** Undefined unless each file is still the one that was hashed. */
async function remembered(memory: string, codegen: string): Promise<ToolFile[] | undefined> {
  try {
    // What somebody else could have written would choose the compiler.
    const status = await lstat(memory)
    if (!status.isFile() || status.uid !== process.getuid?.() || (status.mode & 0o022) !== 0) return undefined
    const { program, files } = JSON.parse(await readFile(memory, 'utf8')) as { program: string; files: ToolFile[] }
    if (program !== codegen || !files.some(({ path }) => path === codegen)) return undefined
    const identities = await Promise.all(files.map(({ path, sizeBytes }) => identityOf(path, sizeBytes)))
    const isSame = files.every(
      ({ hash, identity }, i) => /^[0-9a-f]{64}$/.test(hash) && identity !== '' && identity === identities[i],
    )
    return isSame ? files : undefined
  } catch {
    return undefined
  }
}

/** Whatever goes wrong is as good as no memory. */
async function remember(memory: string, program: string, files: readonly ToolFile[]): Promise<void> {
  try {
    await mkdir(dirname(memory), { recursive: true, mode: 0o700 })
    const temporary = `${memory}.${process.pid}`
    await writeFile(temporary, JSON.stringify({ program, files }), { mode: 0o600 })
    await rename(temporary, memory)
  } catch {
    return
  }
}

function refused(message: string): DtltoError {
  return new DtltoError('DTLTO_ENDPOINT_REFUSED', message)
}
