/**
 * For files that are passed around: reports, traces. Options of distributors are left out of them as a whole; this takes out what may be secret in all other text, command
 * lines and messages of servers among it. It takes too much rather than too little.
 */
const HIDDEN = '…'

/** `scheme://user:password@host`: a password may have slashes and at signs. */
const USER_INFO = /(:\/\/)[^\s"']+@/g
/** `Authorization: Bearer abc`, and the two words alone. */
const SCHEME = /\b(bearer|basic)\s+[\w~+/.=-]+/gi
/** `authorization: KIND abc`, of any kind: all of the line. */
const AUTHORIZATION = /(authorization["']?\s*[=:]\s*["']?)[^\r\n"']+/gi
/** A JSON web token, wherever it stands. */
const TOKEN = /\beyJ[\w-]+\.[\w-]+\.[\w-]*/g
/** `api-key=abc`, `"token": "abc"`, `--password:abc`. */
const NAMED =
  /([\w-]*(?:token|secret|passw(?:or)?d|api-?key|authorization|cookie|credential|signature)[\w-]*["']?\s*[=:]\s*["']?)(?!\/\/)[^\s"',;&]+/gi

export function withoutSecrets(text: string): string {
  return text
    .replace(AUTHORIZATION, `$1${HIDDEN}`)
    .replace(TOKEN, HIDDEN)
    .replace(SCHEME, `$1 ${HIDDEN}`)
    .replace(USER_INFO, `$1${HIDDEN}@`)
    .replace(NAMED, `$1${HIDDEN}`)
}
