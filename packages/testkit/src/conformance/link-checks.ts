import assert from 'node:assert/strict'
import type { Check } from './check.js'

/** Whole links with nobody but this distributor. */
export function linkChecks(distribute: string): readonly Check[] {
  return [
    {
      name: 'a whole link with it gives the bytes that lld gives alone',
      run: ({ program }) => {
        const same = program.link(distribute).equals(program.link('local'))
        assert.ok(same, 'the output should have the same bytes, whoever compiles')
      },
    },
  ]
}
