import assert from 'node:assert/strict'
import { defineDistributor, DtltoError } from 'dtlto/plugin'
import type { OptionSpec } from 'dtlto/plugin'
import { type Opened, within, withOpened } from './bench.js'
import { checks } from './check.js'
import { accepts } from './endpoint-checks.js'

const SNAPSHOTS = 1_000

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
    name: 'it opens, states its endpoints and accepts work',
    run: (bench) => withOpened(bench, (opened) => Promise.resolve(checkMethods(opened))),
  },
  {
    name: 'it states its endpoints at once, however often it is asked',
    run: (bench) =>
      withOpened(bench, (opened) => {
        const endMs = performance.now() + bench.limits.readyMs
        for (let i = 0; i < SNAPSHOTS; i++) {
          opened.endpoints()
          assert.ok(performance.now() < endMs, 'endpoints() should say what is known, and look nothing up')
        }
        return Promise.resolve()
      }),
  },
  {
    name: 'its check of itself, if it has one, finds nothing wrong and heeds its signal',
    run: (bench) =>
      withOpened(bench, async ({ distributor }) => {
        if (distributor.selfCheck === undefined) return
        const checking = distributor.selfCheck(new AbortController().signal)
        const found = await within(checking, bench.limits.readyMs, 'selfCheck() should end: a user waits for it')
        for (const { level, text, remedy } of found) {
          assert.match(level, /^(good|note|warning)$/, `selfCheck() finds ${level}, though all is well: ${text}`)
          assert.ok(
            text !== '' && remedy !== '',
            'selfCheck() should have a text for each finding, and remedies that say something',
          )
        }
        const over = AbortSignal.abort(new DtltoError('DTLTO_CANCELLED', 'nobody waits any more'))
        const settled = distributor.selfCheck(over).catch(() => undefined)
        await within(settled, bench.limits.abortMs, 'selfCheck() should settle when its signal is aborted')
      }),
  },
  {
    name: 'its probe, if it has one, tells whether an endpoint works and heeds its signal',
    run: (bench) =>
      withOpened(bench, async ({ distributor }) => {
        if (distributor.probe === undefined) return
        for (const endpoint of distributor.endpoints().filter(accepts)) {
          const again = distributor.probe(endpoint, new AbortController().signal)
          await within(again, bench.limits.readyMs, `probe() should resolve for '${endpoint.id}', which works`)
          const over = distributor.probe(
            endpoint,
            AbortSignal.abort(new DtltoError('DTLTO_CANCELLED', 'the link is over')),
          )
          const settled = over.catch(() => undefined)
          await within(settled, bench.limits.abortMs, 'probe() should settle when its signal is aborted')
        }
      }),
  },
])

function checkMethods({ distributor }: Opened): void {
  for (const method of ['endpoints', 'compile', 'close', 'destroy'] as const) {
    assert.equal(typeof distributor[method], 'function', `open() should give an object with ${method}()`)
  }
  for (const method of ['prepare', 'probe'] as const)
    assert.match(typeof distributor[method], /function|undefined/, `${method}, if it is there, should be a function`)
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
