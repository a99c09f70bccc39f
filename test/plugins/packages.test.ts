/** What npm would publish: every package holds what its package.json promises, and nothing that only a checkout needs. */
import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { PACKAGED } from '../../packages/dtlto/src/distributors/locate.js'
import { DISTRIBUTOR_PROGRAM, PROGRAM_NAMES } from '../../packages/dtlto/src/cli/programs.js'
import { compile, DTLTO, DTLTO_BIN, inTemporaryDirectory, must, run } from '../link/toolchain.js'

const PACKAGES = fileURLToPath(new URL('../../packages/', import.meta.url))
const NAMES = ['dtlto', 'native', 'testkit', 'distributor-distcc', 'distributor-reapi', 'distributor-ssh']

interface PackageJson {
  readonly name: string
  readonly bin?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>
}

const packageJson = (name: string): PackageJson =>
  JSON.parse(readFileSync(join(PACKAGES, name, 'package.json'), 'utf8')) as PackageJson

function packed(name: string): string[] {
  const text = must('npm', ['pack', '--dry-run', '--json'], { cwd: join(PACKAGES, name) })
  const [{ files } = { files: [] }] = JSON.parse(text) as { files: { path: string }[] }[]
  return files.map(({ path }) => path)
}

/** Files that are needed and that no field of package.json names. */
const NEEDED: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(PACKAGED.map((name) => [`distributor-${name}`, [`dist/${name}.cjs`]])),
  dtlto: ['dist/start.cjs', 'dist/load.cjs', 'dist/cli.cjs'],
  native: ['build/dtlto.node', 'build/dtlto-codegen', 'build/dtlto-lld', 'CMakeLists.txt', 'src/addon.cpp'],
  testkit: ['dist/conformance/capture.js'],
}

describe('the package', () => {
  for (const name of NAMES) {
    test(`${name} holds what it exports and starts, and no tests`, () => {
      const files = packed(name)
      const { bin = {}, exports } = packageJson(name)
      const exported = Object.values(exports).flatMap((target) =>
        typeof target === 'string' ? target : Object.values(target),
      )
      for (const target of [...Object.values(bin), ...exported, ...(NEEDED[name] ?? [])]) {
        assert.ok(files.includes(target.replace(/^\.\//, '')), `${target} is not packed`)
      }
      assert.deepEqual(
        files.filter((file) => /\.test\.|fixture|testing\/|tsbuildinfo|CMakeCache/.test(file)),
        [],
      )
    })
  }

  test('dtlto starts every program by its name, as npm installs them', () =>
    inTemporaryDirectory((directory) => {
      const { bin = {} } = packageJson('dtlto')
      assert.deepEqual(Object.keys(bin).sort(), ['dtlto', DISTRIBUTOR_PROGRAM, ...PROGRAM_NAMES].sort())
      mkdirSync(join(directory, '.bin'))
      for (const [program, file] of Object.entries(bin)) {
        assert.ok(existsSync(join(DTLTO_BIN, program)), `a checkout has bin/${program}, too`)
        const link = join(directory, '.bin', program)
        symlinkSync(join(PACKAGES, 'dtlto', file), link)
        if (program === 'dtlto') assert.match(must(link, ['--help'], { cwd: directory }), /dtlto doctor/)
        else if (program === DISTRIBUTOR_PROGRAM)
          assert.match(run(link, [], { cwd: directory }).stderr, /one JSON file/)
        else assert.match(run(link, ['--version'], { cwd: directory }).stdout, /LLD \d+\./, program)
      }
    }))

  test('dtlto is needed by a distributor of one’s own, whose error says how to have it there', () =>
    inTemporaryDirectory((directory) => {
      cpSync(join(PACKAGES, '../examples/process-pool/index.js'), join(directory, 'index.mjs'))
      const [object = ''] = compile(directory, { 'a.c': 'int a(void) { return 1; }' }, ['-fPIC'])
      const link = () =>
        run(DTLTO, ['-shared', object, '-o', 'out', '--distribute=./index.mjs', '--distribute-fallback=none'], {
          cwd: directory,
        })
      const { exitCode, stderr } = link()
      assert.equal(exitCode, 1)
      const [, own = ''] = /have it there by 'npm install --no-save (.*)'/.exec(stderr) ?? []
      assert.equal(own, join(PACKAGES, 'dtlto'), stderr)
      mkdirSync(join(directory, 'node_modules'))
      symlinkSync(own, join(directory, 'node_modules/dtlto'))
      // By a link, and with pipes for stdout and stderr.
      assert.deepEqual(link(), { exitCode: 0, stdout: '', stderr: '' })
    }))

  test('dtlto needs none of the packages that need dtlto', () => {
    for (const name of NAMES) {
      const { dependencies = {}, peerDependencies = {} } = packageJson(name)
      if (name === 'dtlto') assert.ok('@dtlto/native' in dependencies && !('@dtlto/testkit' in dependencies))
      else if (name !== 'native') assert.deepEqual(Object.keys(peerDependencies), ['dtlto'], name)
    }
  })
})
