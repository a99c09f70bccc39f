import assert from 'node:assert/strict'
import { defineDistributor, DtltoError } from 'dtlto/plugin'
import type { OptionSpec } from 'dtlto/plugin'
import { withOpened, type Opened } from './bench.js'
import { checks } from './check.js'

/** What a distributor is, and how it starts. */
export const DEFINITION_CHECKS = checks([
  {
    name: 'its definition is one that dtlto accepts',
    run: ({ definition }) => void defineDistributor(definition),
  },
  {
    name: 'its options are explained and have possible defaults',
    run: ({ definition }) => {
      for (const [name, spec] of Object.entries(definition.options)) {
        assert.ok(spec.description.trim() !== '', `option '${name}' should have a description: help shows it`)
        assert.ok(
          spec.default === undefined || isPossible(spec, spec.default),
          `option '${name}' should have a default of its own type and range, not ${JSON.stringify(spec.default)}`,
        )
      }
    },
  },
  {
    name: 'its options as the suite was given them are possible',
    run: ({ definition, options }) => {
      for (const [name, value] of Object.entries(options)) {
        const spec = definition.options[name]
        assert.ok(spec, `'${name}' is no option of '${definition.name}'`)
        assert.ok(value === undefined || isPossible(spec, value), `'${name}' cannot be ${JSON.stringify(value)}`)
      }
    },
  },
  {
    name: 'it refuses options that cannot work with a DtltoError from open()',
    run: async (bench) => {
      for (const options of bench.badOptions) {
        const refused: unknown = await withOpened({ ...bench, options }, () => Promise.resolve()).catch(
          (e: unknown) => e,
        )
        assert.ok(
          DtltoError.is(refused),
          `open() should throw a DtltoError for ${JSON.stringify(options)}, best DTLTO_PLUGIN_OPTION_INVALID, not ${String(refused)}`,
        )
      }
    },
  },
  {
    name: 'it opens, states its slots and accepts work',
    run: (bench) => withOpened(bench, (opened) => Promise.resolve(checkMethods(opened))),
  },
])

function checkMethods({ distributor }: Opened): void {
  for (const method of ['status', 'compile', 'close', 'destroy'] as const) {
    assert.equal(typeof distributor[method], 'function', `open() should give an object with ${method}()`)
  }
  assert.match(typeof distributor.prepare, /function|undefined/, 'prepare, if it is there, should be a function')
}

function isPossible(spec: OptionSpec, value: unknown): boolean {
  switch (spec.type) {
    case 'string':
      return typeof value === 'string' && (spec.choices?.includes(value) ?? true)
    case 'integer':
      return (
        Number.isInteger(value) && Number(value) >= (spec.min ?? -Infinity) && Number(value) <= (spec.max ?? Infinity)
      )
    case 'boolean':
      return typeof value === 'boolean'
    case 'list':
      return Array.isArray(value) && value.every((item) => typeof item === 'string')
  }
}
