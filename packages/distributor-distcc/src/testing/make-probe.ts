import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ProbeBitcode } from '../probe-bitcode.js'
import { LLVM } from './llvm.js'

/**
 * Makes the contents of ../probe-bitcode-22.ts, or another version's, with opt and ld.lld of that LLVM. Run it with
 * `DTLTO_LLVM_VERSIONS=22 node --import tsx packages/distributor-distcc/src/testing/make-probe.ts`.
 *
 * The modules that are sent name no target where they need none (LLVM 22), so that they compile for any. The index is made from twins that do
 * name one, because lld asks for it; an index itself knows of no target.
 */
export function makeProbe(): ProbeBitcode {
  const directory = mkdtempSync(join(tmpdir(), 'dtlto-probe-'))
  try {
    const run = (command: string, ...args: string[]): void => {
      execFileSync(command, args, { cwd: directory, stdio: ['ignore', 'ignore', 'inherit'] })
    }
    const read = (name: string): string => readFileSync(join(directory, name)).toString('base64')
    const compile = (header: string): void => {
      for (const [name, text] of Object.entries(SOURCES)) {
        writeFileSync(join(directory, `${name}.ll`), `source_filename = "dtlto-probe-${name}"\n${header}${text}`)
        run(`opt-${LLVM}`, '-module-summary', `${name}.ll`, '-o', `${name}.bc`)
      }
    }
    compile(
      `target triple = "${TARGET}"\ntarget datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"\n`,
    )
    run(
      `ld.lld-${LLVM}`,
      '-shared',
      '--thinlto-index-only',
      '-u',
      'dtlto_probe_main',
      'main.bc',
      'callee.bc',
      '-o',
      'x',
    )
    const index = read('main.bc.thinlto.bc')
    const target = Number(LLVM) < 23 ? '' : TARGET
    if (target === '') compile('')
    return { target, main: read('main.bc'), callee: read('callee.bc'), index }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

const TARGET = 'x86_64-unknown-linux-gnu'

const SOURCES = {
  main: `declare i32 @dtlto_probe_callee(i32)
define i32 @dtlto_probe_main(i32 %x) {
  %r = call i32 @dtlto_probe_callee(i32 %x)
  ret i32 %r
}
`,
  callee: `define i32 @dtlto_probe_callee(i32 %x) {
  %y = mul i32 %x, 3
  ret i32 %y
}
`,
}

if (process.argv[1]?.endsWith('make-probe.ts') === true) {
  const { target, main, callee, index } = makeProbe()
  const lines = (text: string): string => (text.match(/.{1,100}/g) ?? []).map((line) => `    '${line}'`).join(' +\n')
  const field = (name: string, text: string): string => `  ${name}:\n${lines(text)},\n`
  writeFileSync(
    new URL(`../probe-bitcode-${LLVM}.ts`, import.meta.url),
    `import type { ProbeBitcode } from './probe-bitcode.js'

/** Made with LLVM ${LLVM} by testing/make-probe.ts. */
export const PROBE_${LLVM}: ProbeBitcode = {
  target: '${target}',
${field('main', main)}${field('callee', callee)}${field('index', index)}}
`,
  )
}
