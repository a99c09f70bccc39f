import { allCases } from './cases/index.js'
import { onlyPattern } from './environment.js'
import { type ParityCase, title } from './parity-case.js'

/** The cases to run: all, or those that DTLTO_PARITY_ONLY or a pattern names. */
export function selectCases(pattern = onlyPattern): readonly ParityCase[] {
  const titles = new Set<string>()
  for (const test of allCases) {
    if (titles.has(title(test)))
      throw new Error(`expected every case to have its own name but two are '${title(test)}'`)
    titles.add(title(test))
  }
  if (pattern === undefined) return allCases
  return allCases.filter((test) => new RegExp(pattern).test(title(test)))
}
