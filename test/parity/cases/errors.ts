import { crash, version } from '../comparators.js'
import { badArchive, spoiled } from '../inputs/broken.js'
import { core, coreProgram, objects, runtime } from '../inputs/programs.js'
import { type CaseOptions, link, type ParityCase, program } from '../parity-case.js'
import type { Recipe } from '../recipe.js'
import { coffX64, machoArm64, mingwX64, type Target, wasm32, x86_64 } from '../targets.js'

/** Links that stock lld refuses, and what it prints without linking. */

const category = 'errors'
const REFUSED = "a warning says that the distributor's compiler refused the option"
const everyFlavour = [x86_64, coffX64, mingwX64, machoArm64, wasm32] as const

export const refuse = (
  name: string,
  target: Target,
  inputs: readonly Recipe[],
  more: string[],
  says: RegExp,
  options: CaseOptions = {},
): ParityCase =>
  program(category, `${target.name} ${name}`, target, inputs, more, {
    fails: true,
    says,
    compare: { stderr: crash },
    ...options,
  })

const onEvery = everyFlavour.flatMap((target) => [
  refuse(
    'undefined symbols',
    target,
    [{ ...core(target), files: ['start.o', 'table.o'] }, runtime(target)],
    [
      ...(target === machoArm64 ? ['-undefined', 'error'] : []),
      // Relocations are scanned in parallel: with more threads the order of messages is by chance.
      target === coffX64 ? '/threads:1' : '--threads=1',
    ],
    /undefined symbol/,
  ),
  refuse(
    'duplicate symbols',
    target,
    [core(target), objects('again', target, ['math.c']), runtime(target)],
    [],
    /duplicate symbol/,
  ),
  refuse('missing input', target, coreProgram(target), ['not-there.o'], /not-there/),
  refuse('truncated bitcode', target, [spoiled(target, { keep: 0.5 }), runtime(target)], [], /error/),
  refuse('damaged bitcode', target, [spoiled(target, { invert: [4, 5, 6, 7, 8, 9] }), runtime(target)], [], /error/),
  refuse('truncated archive', target, [badArchive(target, { keep: 0.6 }), runtime(target)], [], /error/),
  refuse('damaged archive', target, [badArchive(target, { invert: [56, 57] }), runtime(target)], [], /error/),
  refuse(
    'unknown option',
    target,
    coreProgram(target),
    target === coffX64 ? ['/not-an-option'] : ['--not-an-option'],
    /not-an-option/,
  ),
  refuse(
    'LTO level out of range',
    target,
    coreProgram(target),
    target === coffX64 ? ['/opt:lldlto=9'] : ['--lto-O9'],
    /9/,
  ),
  refuse(
    'unknown -mllvm option',
    target,
    coreProgram(target),
    target === coffX64 ? ['/mllvm:-nonsense'] : ['-mllvm', '-nonsense'],
    /nonsense/,
    // Only here does stock lld find out so late.
    target === machoArm64 ? { notIn: { clang: REFUSED } } : {},
  ),
  refuse('output in no directory', target, coreProgram(target), [], /error/),
  link(category, `${target.name} no arguments`, target, [], target === mingwX64 ? ['-m', 'i386pep'] : [], {
    fails: true,
  }),
  link(
    category,
    `${target.name} --version`,
    target,
    [],
    target === mingwX64 ? ['-m', 'i386pep', '--version'] : ['--version'],
    { creates: [], compare: { stdout: version } },
  ),
])

export const errorCases: ParityCase[] = onEvery.map((test) => {
  if (!test.name.endsWith('output in no directory')) return test
  const args = (test.links[0]?.args ?? []).map((arg) => arg.replace(/^(\/out:)?out$/, '$1no/such/out'))
  return { ...test, links: [{ args }] }
})
