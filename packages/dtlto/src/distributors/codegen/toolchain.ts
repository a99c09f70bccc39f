/**
 * What another machine needs to run this machine's dtlto-codegen: the program, its loader and its libraries. With these it needs nothing but a kernel,
 * and what compiles there is exactly what would compile here: `LOADER --library-path DIR DIR/dtlto-codegen`.
 */
import { execFile } from 'node:child_process'
import { lstat, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { DtltoError } from '../../errors.js'
import { makeDirectory } from '../../make-directory.js'

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

interface KnownProgram {
  readonly program: string
  readonly files: readonly HashedFile[]
}

/** How many are remembered: versions of LLVM, installations. */
const PROGRAMS = 8

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
async function lookAt(codegen: string, memory: string): Promise<readonly HashedFile[]> {
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
async function remembered(memory: string, codegen: string): Promise<readonly HashedFile[] | undefined> {
  const known = (await readMemory(memory)).find(({ program }) => program === codegen)
  if (!known?.files.some(({ path }) => path === codegen)) return undefined
  const identities = await Promise.all(known.files.map(({ path, sizeBytes }) => identityOf(path, sizeBytes)))
  const isSame = known.files.every(
    ({ name, path, sha256, identity }, i) =>
      name === basename(path) && /^[0-9a-f]{64}$/.test(sha256) && identity !== '' && identity === identities[i],
  )
  return isSame ? known.files : undefined
}

/** Whatever goes wrong is as good as no memory. */
async function remember(memory: string, program: string, files: readonly HashedFile[]): Promise<void> {
  const others = (await readMemory(memory)).filter((known) => known.program !== program)
  try {
    makeDirectory(dirname(memory), 0o700)
    const temporary = `${memory}.${process.pid}`
    const programs = [{ program, files }, ...others].slice(0, PROGRAMS)
    await writeFile(temporary, JSON.stringify({ programs }), { mode: 0o600 })
    await rename(temporary, memory)
  } catch {
    return
  }
}

/** Newest first; none when there is no memory that can be trusted. */
async function readMemory(path: string): Promise<readonly KnownProgram[]> {
  try {
    // What somebody else could have written would choose the compiler.
    const status = await lstat(path)
    if (!status.isFile() || status.uid !== process.getuid?.() || (status.mode & 0o022) !== 0) return []
    const { programs } = JSON.parse(await readFile(path, 'utf8')) as { programs?: unknown }
    return Array.isArray(programs) ? programs.filter(isKnownProgram) : []
  } catch {
    return []
  }
}

function isKnownProgram(value: unknown): value is KnownProgram {
  const { program, files } = (value ?? {}) as Partial<Record<keyof KnownProgram, unknown>>
  return typeof program === 'string' && Array.isArray(files) && files.every((file) => isHashedFile(file))
}

function isHashedFile(value: unknown): value is HashedFile {
  const { name, sha256, sizeBytes, path, identity } = (value ?? {}) as Partial<Record<keyof HashedFile, unknown>>
  return typeof sizeBytes === 'number' && [name, sha256, path, identity].every((each) => typeof each === 'string')
}

function refused(message: string): DtltoError {
  return new DtltoError('DTLTO_ENDPOINT_REFUSED', message)
}
