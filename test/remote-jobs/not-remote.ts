/** Which options keep a link's jobs in the linker's process, or away from stock clang, and how dtlto words it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Target, coffX64, machoArm64, wasm32, x86_64 } from '../parity/targets.js'
import { withJobs } from './jobs.js'
import { compileFor, stockLinker } from './small-links.js'

export interface NotRemote {
  readonly target: string
  readonly args: readonly string[]
  /** Why the jobs cannot leave the process; empty: they can. */
  readonly notRemote: string
  /** Why stock clang cannot compile them; empty: it can. */
  readonly clang: string
}

const OPTIONS: readonly (readonly [Target, readonly (readonly string[])[]])[] = [
  [
    x86_64,
    [
      [],
      ['--save-temps'],
      ['--save-temps=prelink'],
      ['--save-temps=opt'],
      ['--lto-emit-llvm'],
      ['--lto-emit-asm'],
      ['--time-trace=trace.json'],
      ['--lto-debug-pass-manager'],
      ['--plugin-opt=stats-file=stats'],
      ['--load-pass-plugin=DIR/plugin.so'],
      ['--lto-O0'],
      ['--lto-O1'],
      ['--lto-O3'],
      ['--lto-CGO0'],
      ['--lto-newpm-passes=default<O2>'],
      ['--lto-aa-pipeline=basic-aa'],
      ['--lto-sample-profile=DIR/profile'],
      ['--lto-basic-block-sections=DIR/bb-list'],
      ['--lto-basic-block-address-map'],
      ['--lto-cs-profile-generate', '--lto-cs-profile-file=DIR/cs'],
      ['--plugin-opt=dwo_dir=DIR/dwo'],
      ['--plugin-opt=opt-remarks-filename=DIR/remarks'],
      ['--lto-whole-program-visibility'],
      ['--disable-verify'],
      ['-mllvm', '-inline-threshold=5'],
      ['-plugin-opt=-inline-threshold=5'],
      ['-mllvm', '-mattr=+avx2'],
      ['-mllvm', '-stats'],
      ['-mllvm', '-time-passes'],
      ['-mllvm', '-print-after-all'],
      ['-plugin-opt=-print-after-all'],
      ['-mllvm', '-debug-pass=Structure'],
      ['-mllvm', '-opt-bisect-limit=9'],
      ['-mllvm', '-pass-remarks=inline'],
      ['-mllvm', '-profile-summary-cutoff-hot=990000'],
      ['-mllvm', '-internalize-public-api-file=DIR/profile'],
      ['-mllvm', '-stack-size-section'],
    ],
  ],
  [
    coffX64,
    [[], ['/lldsavetemps'], ['/opt:lldlto=0'], ['/mllvm:-inline-threshold=5'], ['/mllvm:-stats'], ['/dwodir:DIR/dwo']],
  ],
  [
    machoArm64,
    [[], ['-save-temps'], ['--lto-O0'], ['-mllvm', '-inline-threshold=5'], ['-mllvm', '-stats'], ['--time-trace']],
  ],
  [wasm32, [[], ['--save-temps'], ['--lto-O0'], ['-mllvm', '-inline-threshold=5'], ['-mllvm', '-stats']]],
]

/** The link of `target` with `args`; an option that lld itself refuses is an error. */
async function reasons(
  target: Target,
  objects: readonly string[],
  args: readonly string[],
  directory: string,
): Promise<NotRemote> {
  const output = target.flavour === 'coff' ? [`/out:${directory}/out`] : ['-o', join(directory, 'out')]
  const real = args.map((argument) => argument.replace('DIR', directory))
  return withJobs([stockLinker(target), ...target.program, ...objects, ...output, ...real], async ([job]) => {
    const reason = (packed: { kind: string; reason?: string }): string =>
      (packed.reason ?? '').replaceAll(directory, 'DIR')
    if (!job) throw new Error('no jobs')
    const packed = await job.package()
    const clang = packed.kind === 'cannot' ? packed : await packed.forClang()
    return { target: target.name, args, notRemote: reason(packed), clang: reason(clang) }
  })
}

/** What this version says, link by link. */
export async function survey(): Promise<NotRemote[]> {
  const directory = mkdtempSync(join(tmpdir(), 'dtlto-stays-'))
  const before = process.cwd()
  process.chdir(directory) // some options write beside the output
  try {
    writeFileSync('profile', 'entry:4200:10\n 1: 10\n')
    writeFileSync('bb-list', 'v1\nf entry\nc 0\n')
    const found: NotRemote[] = []
    for (const [target, options] of OPTIONS) {
      const objects = compileFor(target, directory).map((object) => join(directory, object))
      for (const args of options) found.push(await reasons(target, objects, args, directory))
    }
    return found
  } finally {
    process.chdir(before)
    rmSync(directory, { recursive: true, force: true })
  }
}
