/**
 * Headers from a program of the user's: the protocol of Bazel's credential helpers (https://github.com/EngFlow/credential-helper-spec). The program gets the argument
 * `get` and `{"uri": …}` on its standard input, and answers `{"headers": {NAME: [VALUE, …]}, "expires": RFC 3339}`. What it answers is never shown.
 */
import { execFile } from 'node:child_process'
import { DtltoError } from 'dtlto/plugin'
import type { Address } from './address.js'
import { checkedValue } from './headers.js'
import type { Helper } from './helper-choice.js'
import type { RenewableHeaders } from './renewing.js'

/** As Bazel's own limit, and the time that it takes an answer for good that does not say how long it is. */
const HELPER_MS = 10_000
const DEFAULT_LIFE_MS = 30 * 60_000
const ANSWER_BYTES = 1024 ** 2
const SHOWN = 200

/** Asks the program. Rejects with DTLTO_ENDPOINT_REFUSED. */
export async function askHelper(
  { program }: Helper,
  address: Address,
  env: Readonly<Record<string, string | undefined>>,
): Promise<RenewableHeaders> {
  const text = await answerOf(program, JSON.stringify({ uri: uriOf(address) }), env)
  const { headers, expires } = parseAnswer(text, program)
  const endMs = typeof expires === 'string' ? Date.parse(expires) : Number.NaN
  return { headers, untilMs: Number.isNaN(endMs) ? Date.now() + DEFAULT_LIFE_MS : endMs }
}

function uriOf({ target, isSecure }: Address): string {
  return `${isSecure ? 'https' : 'http'}://${target.replace(isSecure ? /:443$/ : /:80$/, '')}/`
}

function answerOf(
  program: string,
  question: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { env, timeout: HELPER_MS, killSignal: 'SIGKILL', maxBuffer: ANSWER_BYTES } as const
    const child = execFile(program, ['get'], options, (error, stdout, stderr) => {
      if (!error) return resolve(stdout)
      const { code, killed } = error as NodeJS.ErrnoException & { killed?: boolean }
      const said = stderr.split('\n').find((line) => line.trim() !== '')
      const what = killed
        ? `has not answered within ${HELPER_MS / 1000} s`
        : typeof code === 'number'
          ? `ends with exit code ${String(code)}`
          : `cannot be run: ${String(code)}`
      reject(refused(program, said === undefined ? what : `${what}: ${said.trim().slice(0, SHOWN)}`))
    })
    // It may end without reading.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(question)
  })
}

function parseAnswer(
  text: string,
  program: string,
): { readonly headers: Readonly<Record<string, string>>; readonly expires: unknown } {
  let answer: unknown
  try {
    answer = JSON.parse(text)
  } catch {
    throw refused(program, 'has answered something that is no JSON')
  }
  const { headers = {}, expires } = (
    typeof answer === 'object' && answer !== null && !Array.isArray(answer) ? answer : { headers: null }
  ) as { headers?: unknown; expires?: unknown }
  if (typeof headers !== 'object' || headers === null) throw refused(program, 'has answered without headers')
  const pairs = Object.entries(headers).map(([name, values]) => {
    if (!/^[A-Za-z0-9_.-]+$/.test(name) || !Array.isArray(values) || !values.every((v) => typeof v === 'string'))
      throw refused(program, 'has answered headers that are no lists of values')
    return [name.toLowerCase(), checkedValue(name, values.join(', '), `from '${program}'`)] as const
  })
  return { headers: Object.fromEntries(pairs), expires }
}

function refused(program: string, what: string): DtltoError {
  return new DtltoError('DTLTO_ENDPOINT_REFUSED', `the credential helper '${program}' ${what}`)
}
