import { spawnSync } from 'node:child_process'
import { llvmMajor } from '../environment.js'
import type { Recipe } from '../recipe.js'
import type { Target } from '../targets.js'
import { compile, thin } from './programs.js'

/** Rust objects for the link's own LTO (`-Clinker-plugin-lto`). */

/** Why rustc cannot serve: there is none, or its bitcode is newer than this LLVM reads. */
export function whyNoRust(): string | undefined {
  const { status, stdout } = spawnSync('rustc', ['-vV'], { encoding: 'utf8' })
  if (status !== 0) return 'no rustc on PATH'
  const version = /LLVM version: (\d+)/.exec(stdout)?.[1]
  if (version === undefined) return 'rustc does not say which LLVM it has'
  return Number(version) > llvmMajor
    ? `rustc has LLVM ${version}, whose bitcode LLVM ${String(llvmMajor)} cannot read`
    : undefined
}

const rustc = [
  'rustc',
  '--edition=2024',
  '--crate-type=staticlib',
  '-Cpanic=abort',
  '-Copt-level=2',
  '-Clinker-plugin-lto',
]

/** C modules and one of Rust, as an object or in a static library beside the Rust core library. */
export function rustAndC(target: Target, kind: 'object' | 'library', more: readonly string[] = []): Recipe {
  const rustFile = kind === 'object' ? 'rust.o' : 'librust.a'
  const emit = kind === 'object' ? ['--emit=obj', '-Ccodegen-units=1'] : []
  return {
    name: 'rust',
    files: ['user.o', 'math.o', 'table.o', rustFile],
    steps: [
      compile(target, 'rust_user.c', 'user.o', thin),
      compile(target, 'math.c', 'math.o', thin),
      compile(target, 'table.c', 'table.o', thin),
      [rustc[0] ?? 'rustc', ...rustc.slice(1), ...emit, ...more, '@source/rust_entry.rs', '-o', rustFile],
    ],
  }
}
