import type { Comparator } from './comparators.js'
import type { ModeName } from './modes.js'
import type { Recipe, Step } from './recipe.js'
import { output, type Target } from './targets.js'

/**
 * One link, as data. It runs with the stock linker and with dtlto in the same directory, from the same files, and every
 * file that it leaves, what it prints and how it exits must be equal.
 */
export interface ParityCase {
  readonly category: string
  /** Unique in its category. */
  readonly name: string
  readonly target: Target
  readonly inputs: readonly Recipe[]
  /** The links, nearly always one; a cache needs several in a row. */
  readonly links: readonly Link[]
  /** Files that the stock linker must have made, so that the case shows what its name says. */
  readonly creates: readonly string[]
  /** The stock linker refuses this link. Without it, it must succeed. */
  readonly fails?: true
  /** Text that the stock linker must print on stderr. */
  readonly says?: RegExp
  /** The same link without the option: the outputs must differ from its, or be equal when `effect` is `none`. */
  readonly against?: readonly string[]
  readonly effect?: 'none'
  /** Why dtlto's result differs from stock lld's; the suite fails when it no longer does. */
  readonly knownDifference?: string
  /** Modes in which this case says nothing, with the reason. */
  readonly notIn?: Partial<Readonly<Record<ModeName, string>>>
  /** Files (and `stdout`, `stderr`) that are compared otherwise than byte by byte. */
  readonly compare?: Readonly<Record<string, Comparator>>
  /** Inputs that cannot be made on this machine: the reason, shown as a skip. */
  readonly unavailable?: string
}

export interface Link {
  /** `$name` stands for the files of an input, `$name.file` for nothing: write paths out. */
  readonly args: readonly string[]
  /** Done in the working directory before this link. */
  readonly before?: readonly Step[]
  /** Always linked by the stock linker, on both sides. */
  readonly stock?: true
  /** Files below this directory must be the same files (not just equal ones) after the link: a cache was hit. */
  readonly keeps?: string
}

export interface CaseOptions extends Partial<Omit<ParityCase, 'category' | 'name' | 'target' | 'inputs' | 'links'>> {
  readonly links?: readonly Link[]
}

const PRINTS = 'the backends print while they work, and they end in another order here'

/** What the backends of a link print comes in stock lld's order only where one of them runs at a time, in lld's order. */
export const printsInOrder: CaseOptions = { notIn: { clang: PRINTS, distcc: PRINTS, reapi: PRINTS, faulty: PRINTS } }

/** A link with all arguments given; inputs that no argument names follow at the end. */
export function link(
  category: string,
  name: string,
  target: Target,
  inputs: readonly Recipe[],
  args: readonly string[],
  options: CaseOptions = {},
): ParityCase {
  const rest = inputs.filter((input) => !args.includes(`$${input.name}`)).map((input) => `$${input.name}`)
  const links = options.links ?? [{ args: [...args, ...rest] }]
  return { category, name, target, inputs, creates: options.fails ? [] : ['out'], ...options, links }
}

/** A program with the target's usual options, and `more`. */
export function program(
  category: string,
  name: string,
  target: Target,
  inputs: readonly Recipe[],
  more: readonly string[] = [],
  options: CaseOptions = {},
): ParityCase {
  return link(category, name, target, inputs, [...target.program, ...more, ...output(target, 'out')], options)
}

/** A shared library with the target's usual options, and `more`. */
export function library(
  category: string,
  name: string,
  target: Target,
  inputs: readonly Recipe[],
  more: readonly string[] = [],
  options: CaseOptions = {},
): ParityCase {
  return link(category, name, target, inputs, [...target.library, ...more, ...output(target, 'out')], options)
}

/** The link of `base` with some options more; what it makes is compared with what `base` makes. */
export function variant(
  base: ParityCase,
  more: readonly string[],
  options: CaseOptions & { readonly name?: string } = {},
): ParityCase {
  const args = base.links[0]?.args ?? []
  const name = options.name ?? `${base.name} with ${more.join(' ')}`
  return { ...base, ...options, name, links: options.links ?? [{ args: [...args, ...more] }], against: args }
}

/** A program with some options more, compared with the program without them. */
export function option(
  category: string,
  target: Target,
  inputs: readonly Recipe[],
  more: readonly string[],
  options: CaseOptions & { readonly name?: string } = {},
): ParityCase {
  return variant(program(category, target.name, target, inputs), more, options)
}

export function title(test: ParityCase): string {
  return `${test.category}: ${test.name}`
}
