/** What the option `memory` of those who compile on this machine can say. */

/** `auto`: as much as there is. `off`: memory is not looked at. */
export type MemoryBudget = 'auto' | 'off' | { readonly bytes: number }

export const MEMORY_OPTION = {
  type: 'string',
  default: 'auto',
  check: (text: string) =>
    parseMemory(text) === undefined ? `expected 'auto', 'off' or a size such as 8G but received '${text}'` : undefined,
  description:
    'Memory for backends: auto starts them only while they fit into what the machine and its control groups leave; a size (8G, 500M) is a budget for this link; off',
} as const

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 }

/** Undefined for what is none. */
export function parseMemory(text: string): MemoryBudget | undefined {
  if (text === 'auto' || text === 'off') return text
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)([KMGT]?)(?:i?B)?$/i.exec(text) ?? []
  const bytes = Number(number) * (UNITS[unit.toUpperCase()] ?? 0)
  return bytes > 0 ? { bytes: Math.round(bytes) } : undefined
}
