import type { Recipe, Step } from '../recipe.js'
import { isCommand } from '../recipe.js'
import { type Target, x86_64 } from '../targets.js'
import { archive } from './archives.js'
import { core, thin } from './programs.js'

/** Inputs that no linker can use. */

type Damage = { readonly keep?: number; readonly invert?: readonly number[] }

/** The program of `core`, one object of it spoiled. */
export function spoiled(target: Target, how: Damage): Recipe {
  const made = core(target)
  return { ...made, steps: [...made.steps, { copy: 'math.o', to: 'math.o', ...how }] }
}

export const badArchive = (target: Target, how: Damage): Recipe => {
  const made = archive(target)
  return { ...made, steps: [...made.steps, { copy: 'libcore.a', to: 'libcore.a', ...how }] }
}

/** A module whose inline assembly does not assemble, which only its backend notices. */
export const badAssembly = (target: Target): Recipe => {
  const made = core(target)
  const source = '#include "core.h"\nvoid record(u32 v) { __asm__ volatile("not_an_instruction %0" ::"r"(v)); }\n'
  return {
    ...made,
    files: ['start.o', 'bad.o', 'table.o', 'math.o'],
    steps: [
      ...made.steps.map(
        (step): Step =>
          isCommand(step) && step.includes('@source/math.c')
            ? [step[0], ...step.slice(1), '-Drecord=other_record']
            : step,
      ),
      { write: 'bad.c', text: source.replace('#include "core.h"', 'typedef unsigned u32;') },
      ['clang', `--target=${target.triple}`, ...target.cflags, ...thin, '-ffreestanding', '-c', 'bad.c', '-o', 'bad.o'],
    ],
  }
}

/** A thin archive of which a member is no longer there. */
export function gone(): Recipe {
  const made = archive(x86_64, { ar: 'rcsT' })
  return { ...made, steps: [...made.steps, ['rm', 'math.o']] }
}
