/** Reads what a script of bootstrap.ts says on a machine. */
import type { SshProcess } from './ssh-process.js'

/** A greeting of the user's shell may come before. */
const NOISE_BYTES = 64 * 1024

export type ScriptLine =
  | { readonly kind: 'system'; readonly system: string; readonly machine: string }
  | { readonly kind: 'need' | 'shipped' }
  /** `head`: the first bytes of what follows. */
  | { readonly kind: 'serve'; readonly head: Buffer }
  | { readonly kind: 'error'; readonly what: string; readonly text: string }

/** Calls `onLine` for each line. After `serve` the stream is somebody else's. */
export function readScript({ stdout }: SshProcess, onLine: (line: ScriptLine) => void): void {
  let rest: Buffer = Buffer.alloc(0)
  const onData = (chunk: Buffer): void => {
    rest = Buffer.concat([rest, chunk])
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      const words = rest.toString('latin1', 0, end).split(' ')
      rest = rest.subarray(end + 1)
      const line = parse(words, rest)
      if (line?.kind === 'serve') stdout.off('data', onData)
      if (line !== undefined) onLine(line)
      if (line?.kind === 'serve') return
    }
    if (rest.length > NOISE_BYTES) rest = Buffer.alloc(0)
  }
  stdout.on('data', onData)
}

function parse([mark, kind, what = '', ...more]: readonly string[], head: Buffer): ScriptLine | undefined {
  if (mark !== 'dtlto-ssh') return undefined
  switch (kind) {
    case 'system':
      return { kind, system: what, machine: more.join(' ') }
    case 'need':
    case 'shipped':
      return { kind }
    case 'serve':
      return { kind, head }
    case 'error':
      return { kind, what, text: more.join(' ') }
    default:
      return undefined
  }
}
