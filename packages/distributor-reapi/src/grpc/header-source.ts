/** Headers of calls. `lookAgain`: the server has refused the last ones. */
export type HeaderSource = (lookAgain: boolean) => Promise<Readonly<Record<string, string>>>
