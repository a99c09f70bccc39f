import { lzo1x } from 'dtlto/plugin'
import type { Answer } from './answer.js'
import { whyNotAnObject } from './object-check.js'
import type { ProbeBitcode } from './probe-bitcode.js'
import { PROBE_22 } from './probe-bitcode-22.js'
import { PROBE_23 } from './probe-bitcode-23.js'
import { encodeRequest } from './request.js'
import { toResponseFile } from './response-file.js'
import { judge } from './verdict.js'
import { COMMON_ARGS, WORKING_DIRECTORY } from './wire-job.js'

/** Each version has its own. clang 23 ends with a fatal error over modules without a data layout, so there they are for x86-64. */
const PROBES: ReadonlyMap<string, ProbeBitcode> = new Map([
  ['22', PROBE_22],
  ['23', PROBE_23],
])

export function probeBitcode(llvmVersion: string): ProbeBitcode {
  return PROBES.get(llvmVersion.split('.')[0] ?? '') ?? PROBE_23
}

/**
 * The job that a server has to do before it gets real ones: compile a function that calls one of another module. It
 * proves, in some 50 ms and 4 KB, that
 *
 * - we may connect, and the server runs this compiler for us;
 * - the compiler is the LLVM version that the linker is: `-v` makes clang print it beside compiling;
 * - files arrive under the names they were sent by, and ThinLTO really imports: the callee is inlined then, and
 *   its name is nowhere in the object. A compiler that ignores the index leaves an undefined symbol.
 *
 * With LLVM 22 the modules name no target, so any clang can compile them, for its own default target. With LLVM 23 it must know x86-64.
 */
export function encodeProbe(compiler: string, llvmVersion: string): Uint8Array[] {
  const { target, main, callee, index } = probeBitcode(llvmVersion)
  const forTarget = target === '' ? [] : [`--target=${target}`]
  const args = [...COMMON_ARGS, ...forTarget, '-v', '-O2', '-x', 'ir', 'main.bc', '-fthinlto-index=index']
  const file = (name: string, bytes: Uint8Array): { name: string; compressed: Uint8Array } => ({
    name: `${WORKING_DIRECTORY}/${name}`,
    compressed: lzo1x().compress(bytes),
  })
  return encodeRequest({
    workingDirectory: WORKING_DIRECTORY,
    argv: [compiler, '-c', '-I', 'd.c', '@args.rsp', '-o', 'o.o'],
    files: [
      file('main.bc', Buffer.from(main, 'base64')),
      file('callee.bc', Buffer.from(callee, 'base64')),
      file('index', Buffer.from(index, 'base64')),
      file('args.rsp', Buffer.from(toResponseFile(args))),
    ],
  })
}

export type ProbeResult =
  | { readonly kind: 'good'; readonly target: string }
  /** Never use this server in this link. */
  | { readonly kind: 'refused'; readonly subject: 'compiler' | 'version' | 'thinlto'; readonly reason: string }
  /** Try again later. */
  | { readonly kind: 'failed'; readonly reason: string }

/** Judges a server by its answer to the probe. `llvmVersion` is the linker's, for example '22.1.8'. */
export function judgeProbe(answer: Answer, llvmVersion: string): ProbeResult {
  const version = compilerVersion(answer.stderr)
  if (version !== undefined && release(version) !== release(llvmVersion)) {
    return {
      kind: 'refused',
      subject: 'version',
      reason: `its compiler is ${version}, but the linker is LLVM ${llvmVersion}`,
    }
  }
  const target = /^Target: (\S+)/m.exec(answer.stderr)?.[1]
  const verdict = judge(answer, target ?? '', true)
  if (verdict.kind === 'failed') return verdict
  if (verdict.kind === 'spoke')
    return { kind: 'refused', subject: 'compiler', reason: `its compiler gives ${verdict.text}` }
  if (verdict.kind === 'refused' || verdict.kind === 'cannot')
    return { kind: 'refused', subject: 'compiler', reason: verdict.reason }
  if (verdict.kind === 'does-not-compile') {
    const message = verdict.diagnostics.find(({ severity }) => severity === 'error')?.message ?? 'no reason given'
    return { kind: 'refused', subject: 'compiler', reason: `its compiler cannot do a ThinLTO backend: ${message}` }
  }
  if (version === undefined || target === undefined) {
    return { kind: 'refused', subject: 'version', reason: 'its compiler does not tell its version: it is not clang' }
  }
  if (verdict.kind === 'rejected') {
    return { kind: 'refused', subject: 'thinlto', reason: `its compiler gives wrong objects: ${verdict.reason}` }
  }
  const object = Buffer.from(verdict.object.buffer, verdict.object.byteOffset, verdict.object.byteLength)
  const wrong = whyNotAnObject(object, target)
  if (wrong !== undefined || !object.includes('dtlto_probe_main') || object.includes('dtlto_probe_callee')) {
    return { kind: 'refused', subject: 'thinlto', reason: 'its compiler does not import across modules' }
  }
  return { kind: 'good', target }
}

/** LLVM's version in what `clang -v` prints; a vendor's own numbering is told as it is, so that it matches nothing. */
function compilerVersion(stderr: string): string | undefined {
  const upstream = /based upon LLVM (\d+\.\d+\.\d+\S*)/.exec(stderr)?.[1]
  return (
    upstream ??
    /^(?!Apple).*\bclang version (\d+\.\d+\.\d+\S*)/m.exec(stderr)?.[1] ??
    /^.*\bclang version .*$/m.exec(stderr)?.[0]
  )
}

function release(version: string): string {
  return /^\d+\.\d+\.\d+/.exec(version)?.[0] ?? version
}
