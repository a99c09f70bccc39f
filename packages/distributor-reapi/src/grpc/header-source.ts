export type Headers = Readonly<Record<string, string>>

/** Headers of calls. `refused`: what it has given before, and a server does not accept any more. */
export type HeaderSource = (refused?: Headers) => Promise<Headers>
