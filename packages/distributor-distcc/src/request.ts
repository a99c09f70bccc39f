/**
 * Requests of distcc's protocol version 3 (the one that carries several files), as distcc 3.4's doc/protocol-3 and its
 * server define it. A request is the whole of what a client sends on a connection: one connection is one job.
 *
 *   DIST00000003
 *   CDIR len cwd
 *   ARGC n, then n × ARGV len bytes
 *   NFIL n, then n × ( NAME len bytes, FILE len LZO1X )
 *
 * A token is four ASCII bytes and eight hexadecimal digits: a number, or the length of the bytes that follow.
 */

/** The server computes with 32 bits: larger bodies would overflow there. */
export const MAX_BODY_BYTES = 512 * 1024 * 1024

export interface RequestFile {
  /** Absolute, starting with `/`: the server puts it below a fresh directory. */
  readonly name: string
  /** LZO1X of the content; empty for an empty file. */
  readonly compressed: Uint8Array
}

export interface Request {
  /** The compiler's working directory, starting with `/`, below the same fresh directory. */
  readonly workingDirectory: string
  /** argv of the compiler, its name first. */
  readonly argv: readonly string[]
  readonly files: readonly RequestFile[]
}

/**
 * The request as buffers to be written in order. File bodies are passed through, not copied.
 * Throws RangeError for what the protocol cannot carry or a server must not be sent.
 */
export function encodeRequest(request: Request): Uint8Array[] {
  checkPath(request.workingDirectory)
  const out: Uint8Array[] = []
  let text = token('DIST', 3) + field('CDIR', request.workingDirectory) + token('ARGC', request.argv.length)
  for (const arg of request.argv) text += field('ARGV', arg)
  text += token('NFIL', request.files.length)
  for (const { name, compressed } of request.files) {
    checkPath(name)
    if (compressed.length > MAX_BODY_BYTES) {
      throw new RangeError(`expected at most ${MAX_BODY_BYTES} bytes for '${name}' but received ${compressed.length}`)
    }
    text += field('NAME', name) + token('FILE', compressed.length)
    if (compressed.length === 0) continue
    out.push(Buffer.from(text), compressed)
    text = ''
  }
  if (text !== '') out.push(Buffer.from(text))
  return out
}

export function token(name: string, value: number): string {
  return name + value.toString(16).padStart(8, '0')
}

function field(name: string, value: string): string {
  if (value.includes('\0')) throw new RangeError(`expected text without NUL for ${name} but received '${value}'`)
  return token(name, Buffer.byteLength(value)) + value
}

/** The server does not filter `..`: what we send must never leave its directory. */
function checkPath(path: string): void {
  if (!path.startsWith('/') || path.split('/').includes('..')) {
    throw new RangeError(`expected an absolute path without '..' but received '${path}'`)
  }
}
