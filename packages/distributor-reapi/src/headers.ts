/**
 * Headers of calls. What is secret is named, not written: command lines can be read by everybody on a machine, and configuration files get committed.
 * Their values are read when they are needed, and again when a server does not accept them any more.
 */
import { readFile } from 'node:fs/promises'
import { DtltoError } from 'dtlto/plugin'
import type { Headers } from './grpc/header-source.js'

export interface Header {
  readonly name: string
  readonly from:
    | { readonly kind: 'plain'; readonly value: string }
    | { readonly kind: 'file'; readonly path: string }
    | { readonly kind: 'variable'; readonly variable: string }
}

const SECRET = /auth|key|token|secret|passw|cookie|credential/

/** Throws an Error that says what is wrong, and never what the value is. */
export function parseHeaders(written: readonly string[]): readonly Header[] {
  return written.map((text) => {
    const [, name, value] = /^([A-Za-z0-9_.-]+)=(.*)$/s.exec(text) ?? []
    if (name === undefined || value === undefined)
      throw new Error('expected NAME=VALUE, NAME=@FILE or NAME=$VARIABLE for each header')
    return { name: name.toLowerCase(), from: parseValue(name.toLowerCase(), value) }
  })
}

function parseValue(name: string, value: string): Header['from'] {
  if (name.endsWith('-bin')) throw new Error(`the header '${name}' is binary, which cannot be written`)
  if (value.startsWith('@')) return { kind: 'file', path: value.slice(1) }
  if (/^\$\w+$/.test(value)) return { kind: 'variable', variable: value.slice(1) }
  if (SECRET.test(name))
    throw new Error(
      `the header '${name}' looks like a secret: write it to a file and say ${name}=@FILE, or ${name}=$VARIABLE`,
    )
  return { kind: 'plain', value: checkedValue(name, value, 'as written') }
}

/** Values of one name become one, with commas between them, as with Bazel. Rejects with DTLTO_ENDPOINT_REFUSED. */
export async function readHeaders(
  headers: readonly Header[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<Headers> {
  const values = await Promise.all(headers.map((header) => valueOf(header, env)))
  const read: Record<string, string> = {}
  for (const [i, { name }] of headers.entries()) {
    const before = read[name]
    read[name] = before === undefined ? (values[i] as string) : `${before},${values[i] as string}`
  }
  return read
}

async function valueOf({ name, from }: Header, env: Readonly<Record<string, string | undefined>>): Promise<string> {
  switch (from.kind) {
    case 'plain':
      return from.value
    case 'variable': {
      const value = env[from.variable]
      if (!value)
        throw refused(`the header '${name}' is to come from the variable '${from.variable}', which is not set`)
      return checkedValue(name, value.trim(), `of the variable '${from.variable}'`)
    }
    case 'file': {
      const text = await readFile(from.path, 'utf8').catch((cause: unknown) => {
        const { code = 'cannot be read' } = cause as NodeJS.ErrnoException
        throw refused(`the header '${name}' is to come from the file '${from.path}': ${code}`)
      })
      return checkedValue(name, text.trim(), `of the file '${from.path}'`)
    }
  }
}

/** Throws DTLTO_ENDPOINT_REFUSED, without the value. */
export function checkedValue(name: string, value: string, whence: string): string {
  if (/^[\x20-\x7e]+$/.test(value)) return value
  throw refused(`the value of the header '${name}' ${whence} is empty or not one line of printable ASCII`)
}

function refused(message: string): DtltoError {
  return new DtltoError('DTLTO_ENDPOINT_REFUSED', message)
}
