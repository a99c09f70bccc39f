/** The documents for authors of distributors say what is there. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { PLUGIN_API_VERSION } from 'dtlto/plugin'

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

for (const name of ['process-pool', 'remote-shell']) {
  test(`the guide has the code of the ${name} example, which is shorter than 60 lines`, () => {
    const example = read(`examples/${name}/index.js`)
    assert.ok(
      read('docs/write-a-distributor.md').includes(`\`\`\`js\n${example}\`\`\``),
      'copy the file into the guide',
    )
    assert.ok(example.trimEnd().split('\n').length < 60)
  })
}

test('the reference of the plugin API names its version and every field of every interface', () => {
  const reference = read('docs/plugin-api.md')
  assert.ok(reference.includes(`\`${PLUGIN_API_VERSION}\``))
  const source = read('packages/dtlto/src/distributors/interface.ts').replaceAll(/\/\*\*.*?\*\//gs, '')
  const fields = [...source.matchAll(/^ {2}(?:readonly )?([a-zA-Z]+)\??[:(]/gm)].map(([, name = '']) => name)
  assert.ok(fields.length > 60)
  const missing = fields.filter((name) => !new RegExp(`\\b${name}\\b`).test(reference))
  assert.deepEqual(missing, [])
})
