import type { Diagnostic } from 'dtlto/plugin'
import type { Answer } from './answer.js'
import { whyNotAnObject } from './object-check.js'

/** What a complete answer of a server means. */
export type Verdict =
  | { readonly kind: 'object'; readonly object: Uint8Array }
  /**
   * An object, but the compiler printed something. Its words are not lld's, and whether the text is about the module or about the server's
   * machine is nobody's to guess: the linker compiles the module itself and says what there is to say. `isDiagnostics`: it looks like
   * clang's own remarks on the module.
   */
  | { readonly kind: 'spoke'; readonly text: string; readonly isDiagnostics: boolean }
  /** clang says that the module cannot be compiled. */
  | { readonly kind: 'does-not-compile'; readonly diagnostics: readonly Diagnostic[] }
  /** clang does not take the job's options. */
  | { readonly kind: 'cannot'; readonly reason: string }
  /** clang ran, but on a machine in trouble: killed, disk full, out of time. */
  | { readonly kind: 'failed'; readonly reason: string }
  /** clang or its target is not there. */
  | { readonly kind: 'refused'; readonly subject: 'compiler' | 'target'; readonly reason: string }
  /** It looks like success, but the object cannot be right. */
  | { readonly kind: 'rejected'; readonly reason: string }

/** Exit codes by which distccd itself speaks (distcc 3.4, src/exitcode.h); clang uses 1, and codes above 127 after a crash. */
const COMPILER_MISSING = 110
const JOB_TIMED_OUT = 118
const isFromDistccd = (code: number): boolean => code >= 100 && code <= 119

/** clang exits with success after either, and the object is empty or compiled without ThinLTO. */
const THINLTO_TROUBLE = /^.*(Error running ThinLTO backend|Error loading (imported|index) file).*$/m
const TARGET_TROUBLE =
  /^.*(unknown target triple|unable to create target|No available targets are compatible|unknown target CPU).*$/m
/** An LLVM option of the link that clang does not have. It is for the linker to say whether there is such an option. */
const OPTION_TROUBLE = /^.*\(LLVM option parsing\): (.*)$/m
/** Trouble of the machine that clang reports as if it were the module's: every file it needs was sent. */
const MACHINE_TROUBLE =
  /^.*(No space left on device|Cannot allocate memory|out of memory|Too many open files|Read-only file system|Input\/output error|Disk quota exceeded|Permission denied|no such file or directory|unable to (make temporary|open output) file).*$/im

/** What a user reads of a compiler's text, in characters. */
const EXCERPT = 200

/** distccd keeps what a compiler prints in a file beside the object. */
const SILENT = ' without a message: is the disk full there?'

/** `mayPrint`: the compiler was asked to. */
export function judge(answer: Answer, targetTriple: string, mayPrint = false): Verdict {
  const { status, stderr, object, excess } = answer
  const signal = status & 0x7f
  const code = (status >> 8) & 0xff
  const said = firstError(stderr)
  if (signal !== 0) return { kind: 'failed', reason: `the compiler was killed by signal ${signal}${said}` }
  if (code === COMPILER_MISSING)
    return { kind: 'refused', subject: 'compiler', reason: `the compiler is not installed there${said}` }
  if (code === JOB_TIMED_OUT) return { kind: 'failed', reason: `the server's time limit for a job was reached` }
  if (isFromDistccd(code)) return { kind: 'failed', reason: `distccd gave up with exit code ${code}${said}` }
  if (code !== 0) {
    const target = TARGET_TROUBLE.exec(stderr)
    if (target !== null) return { kind: 'refused', subject: 'target', reason: target[0].trim() }
    const machine = MACHINE_TROUBLE.exec(stderr)
    if (machine !== null) return { kind: 'failed', reason: machine[0].trim() }
    const option = OPTION_TROUBLE.exec(stderr)?.[1]
    if (option !== undefined) return { kind: 'cannot', reason: option }
    if (excess === 'text') return { kind: 'spoke', text: TOO_MUCH, isDiagnostics: true }
    const { diagnostics } = splitStderr(stderr)
    const blamesModule = code === 1 && diagnostics.some(({ severity }) => severity === 'error')
    return blamesModule
      ? { kind: 'does-not-compile', diagnostics }
      : { kind: 'failed', reason: `the compiler ended with exit code ${code}${stderr === '' ? SILENT : said}` }
  }
  const thinlto = THINLTO_TROUBLE.exec(stderr)
  if (thinlto !== null) return { kind: 'rejected', reason: thinlto[0].trim() }
  if (!mayPrint) {
    const spoke = whatItSaid(answer)
    if (spoke !== undefined) return spoke
  }
  if (excess === 'object') return { kind: 'rejected', reason: 'the object is larger than its bitcode lets expect' }
  const wrong = whyNotAnObject(object, targetTriple)
  if (wrong !== undefined) return { kind: 'rejected', reason: wrong }
  return { kind: 'object', object }
}

const TOO_MUCH = 'more text than is read'

function whatItSaid({ stderr, stdout, excess }: Answer): Extract<Verdict, { kind: 'spoke' }> | undefined {
  if (excess === 'text') return { kind: 'spoke', text: TOO_MUCH, isDiagnostics: false }
  const all = stderr + stdout
  if (all === '') return undefined
  const text = all.trim().split('\n', 1)[0]?.slice(0, EXCERPT) ?? ''
  return { kind: 'spoke', text, isDiagnostics: splitStderr(all).rest === '' }
}

/** The flag that clang puts behind a warning; lld does not. */
const FLAG = / \[-W[\w=,+-]+\]$/

/** Takes clang's stderr apart into diagnostics, without clang's name and flags, and the rest. */
export function splitStderr(stderr: string): { diagnostics: Diagnostic[]; rest: string } {
  const diagnostics: Diagnostic[] = []
  const rest: string[] = []
  for (const line of stderr.split('\n')) {
    const found = /^(?:(?<where>.*?): )?(?:fatal )?(?<severity>error|warning|remark|note): (?<message>.*)$/.exec(
      line,
    )?.groups
    if (found !== undefined) {
      const where = found['where'] === undefined || /^clang[\w+.-]*$/.test(found['where']) ? '' : `${found['where']}: `
      diagnostics.push({
        severity: found['severity'] as Diagnostic['severity'],
        message: `${where}${found['message'] ?? ''}`.replace(FLAG, ''),
      })
    } else if (line !== '' && !/^\d+ (warning|error)s?( and \d+ errors?)? generated\.$/.test(line)) rest.push(line)
  }
  return { diagnostics, rest: rest.length === 0 ? '' : `${rest.join('\n')}\n` }
}

function firstError(stderr: string): string {
  const line = stderr.split('\n').find((text) => /error/i.test(text)) ?? ''
  return line === '' ? '' : `: ${line.trim().slice(0, 300)}`
}
