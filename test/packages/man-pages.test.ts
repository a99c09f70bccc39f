import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { COMMANDS } from '../../packages/dtlto/src/cli/commands.js'
import { DISTRIBUTOR_PROGRAM, PROGRAM_NAMES } from '../../packages/dtlto/src/cli/programs.js'
import { SETTING_VARIABLES } from '../../packages/dtlto/src/config/variables.js'
import { wantedLlvms } from '../../scripts/llvm-versions.mjs'
import { manPages } from '../../scripts/man-pages.js'
import { fileRows, optionRows, SCHEMAS } from '../../scripts/option-rows.js'
import { inTemporaryDirectory, run } from '../link/toolchain.js'

const PAGES = new Map(manPages().map(({ name, text }) => [name, text]))
const plain = (name: string): string => (PAGES.get(name) ?? '').replace(/\\f./g, '').replaceAll('\\-', '-')

test('each program has a man page, and so has the file of settings', () => {
  const ofVersions = wantedLlvms().flatMap((major) =>
    ['dtlto', ...PROGRAM_NAMES].map((name) => `${name}-${String(major)}`),
  )
  const programs = ['dtlto', 'dtlto-codegen', DISTRIBUTOR_PROGRAM, ...PROGRAM_NAMES, ...ofVersions].map(
    (name) => `${name}.1`,
  )
  assert.deepEqual([...PAGES.keys()].sort(), [...programs, 'dtlto.toml.5'].sort())
})

test('they have every option, variable, key and command', () => {
  const linker = plain('ld.dtlto.1')
  for (const { name } of optionRows()) assert.match(linker, new RegExp(`^--${name}(=|\\[=|$)`, 'm'))
  for (const name of SETTING_VARIABLES) assert.match(linker, new RegExp(`^${name}$`, 'm'))
  for (const [name, schema] of Object.entries(SCHEMAS)) {
    const [, section = ''] = new RegExp(`^\\.SS ${name}\\n(.*?)(?=^\\.S[HS])`, 'ms').exec(linker) ?? []
    for (const option of Object.keys(schema)) assert.match(section, new RegExp(`^${option}=`, 'm'), name)
  }
  for (const { key } of fileRows()) assert.match(plain('dtlto.toml.5'), new RegExp(`^${key} = `, 'm'))
  for (const { name } of COMMANDS) assert.match(plain('dtlto.1'), new RegExp(`^${name}`, 'm'))
  for (const option of ['--job', '--serve', '--manifest', '--version'])
    assert.match(plain('dtlto-codegen.1'), new RegExp(`^${option}`, 'm'))
})

test('mandoc finds nothing wrong, and all of it is ASCII', async (t) => {
  if (run('sh', ['-c', 'command -v mandoc'], { cwd: '/' }).exitCode !== 0) return t.skip('there is no mandoc')
  await inTemporaryDirectory((directory) => {
    for (const [name, text] of PAGES) {
      if (text.startsWith('.so ')) continue
      assert.doesNotMatch(text, /[^\n\x20-\x7e]/, name)
      writeFileSync(join(directory, name), text)
      // Not its opinions on style: it counts how long lines of the source are.
      const { exitCode, stdout } = run('mandoc', ['-Tlint', '-Wwarning', name], { cwd: directory })
      assert.deepEqual([exitCode, stdout], [0, ''])
    }
  })
})
