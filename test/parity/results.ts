import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { buildDirectory, linkerUnderTest } from './environment.js'
import type { ModeName } from './modes.js'
import { type ParityCase, title } from './parity-case.js'
import type { Outcome } from './runner.js'

/** What became of a case, as table.ts reads it. */
export interface ResultLine {
  readonly title: string
  readonly category: string
  readonly target: string
  readonly flavour: string
  readonly outcome: Outcome['kind']
  readonly reason?: string
}

export interface Results {
  readonly lines: readonly ResultLine[]
  add(test: ParityCase, outcome: Outcome): void
  save(): void
}

export function createResults(mode: ModeName): Results {
  const lines: ResultLine[] = []
  return {
    lines,
    add(test, outcome) {
      lines.push({
        title: title(test),
        category: test.category,
        target: test.target.name,
        flavour: test.target.flavour,
        outcome: outcome.kind,
        ...('reason' in outcome ? { reason: outcome.reason } : {}),
      })
    },
    save() {
      mkdirSync(buildDirectory, { recursive: true })
      const sorted = lines.toSorted((a, b) => (a.title < b.title ? -1 : 1))
      writeFileSync(resultsFile(mode), `${JSON.stringify(sorted, null, 1)}\n`)
    },
  }
}

export function loadResults(mode: ModeName): ResultLine[] {
  return JSON.parse(readFileSync(resultsFile(mode), 'utf8')) as ResultLine[]
}

function resultsFile(mode: ModeName): string {
  return path.join(buildDirectory, `results-${mode}${linkerUnderTest === 'stock' ? '-stock' : ''}.json`)
}
