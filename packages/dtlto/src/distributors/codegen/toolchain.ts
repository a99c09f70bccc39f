/**
 * What another machine needs to run this machine's dtlto-codegen: the program, its loader and its libraries. With these it needs nothing but a kernel,
 * and what compiles there is exactly what would compile here: `LOADER --library-path DIR DIR/dtlto-codegen`.
 */
import { execFile } from 'node:child_process'
import { lstat, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { DtltoError } from '../../errors.js'

export interface ToolchainFile {
  /** Its name in the directory, unique. */
  readonly name: string
  /** In lower-case hexadecimal. */
  readonly sha256: string
  readonly sizeBytes: number
  /** On this machine. */
  readonly path: string
}

export interface CodegenToolchain {
  readonly files: readonly ToolchainFile[]
  /** Name of the program among them. */
  readonly program: string
  /** Name of the program's loader among them. */
  readonly loader: string
}

interface HashedFile extends ToolchainFile {
  /** Whether it is still the file that was hashed: modification time and inode. */
  readonly identity: string
}

/**
 * `program`: path of dtlto-codegen. Some 200 MB are hashed once, and remembered below $XDG_CACHE_HOME/dtlto. Rejects with DTLTO_ENDPOINT_REFUSED when the
 * machine cannot tell what the program needs.
 */
export async function codegenToolchain(
  program: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<CodegenToolchain> {
  const memory = memoryFile(env)
  const files = (await remembered(memory, program)) ?? (await lookAt(program, memory))
  const names = files.map(({ name }) => name)
  const loader = names.find((name) => /^ld(-linux|-musl|64)?[\w.-]*\.so(\.\d+)?$/.test(name))
  if (loader === undefined || new Set(names).size !== names.length)
    throw refused(
      `'${program}' cannot be shipped: ${loader === undefined ? 'it has no loader' : 'two of its libraries have one name'}`,
    )
  return {
    files: files.map(({ name, sha256, sizeBytes, path }) => ({ name, sha256, sizeBytes, path })),
    program: basename(program),
    loader,
  }
}

const LINE = /^([0-9a-f]{64}) (\d+) "(.*)"$/

/** Hashing some 200 MB takes most of a second, in another process. */
async function lookAt(codegen: string, memory: string): Promise<HashedFile[]> {
  const { stdout } = await promisify(execFile)(codegen, ['--manifest']).catch((error: unknown) => {
    throw refused(
      `'${codegen}' --manifest fails: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : ''}`,
    )
  })
  const lines = stdout.split('\n').flatMap((line) => {
    const [, hash, size, path] = LINE.exec(line) ?? []
    return hash !== undefined && path !== undefined
      ? [{ name: basename(path), sha256: hash, sizeBytes: Number(size), path }]
      : []
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
async function remembered(memory: string, codegen: string): Promise<HashedFile[] | undefined> {
  try {
    // What somebody else could have written would choose the compiler.
    const status = await lstat(memory)
    if (!status.isFile() || status.uid !== process.getuid?.() || (status.mode & 0o022) !== 0) return undefined
    const { program, files } = JSON.parse(await readFile(memory, 'utf8')) as { program: string; files: HashedFile[] }
    if (program !== codegen || !files.some(({ path }) => path === codegen)) return undefined
    const identities = await Promise.all(files.map(({ path, sizeBytes }) => identityOf(path, sizeBytes)))
    const isSame = files.every(
      ({ name, path, sha256, identity }, i) =>
        name === basename(path) && /^[0-9a-f]{64}$/.test(sha256) && identity !== '' && identity === identities[i],
    )
    return isSame ? files : undefined
  } catch {
    return undefined
  }
}

/** Whatever goes wrong is as good as no memory. */
async function remember(memory: string, program: string, files: readonly HashedFile[]): Promise<void> {
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
