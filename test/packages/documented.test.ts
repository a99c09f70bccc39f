/** What `npm run fresh-machines` types is what users read; here, that README.md and docs/install.md name what there is. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { floors } from '../../scripts/package/libraries.mjs'
import { NATIVE, WITH_LLVM } from '../../scripts/package/programs.mjs'
import { packageVersion } from '../../scripts/package/version.mjs'
import { DTLTO_BIN, must } from '../link/toolchain.js'
import { dockerInstructions, documentedBlocks, linesFor } from './documented.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8')

test('files of packages have the version that is made', () => {
  const named = [...`${read('README.md')}${read('docs/install.md')}`.matchAll(/dtlto[\w-]*?[-_](\d+\.\d+\.\d+)[-_.]/g)]
  assert.ok(named.length > 10)
  for (const [file, version] of named) assert.equal(version, packageVersion(), file)
})

test('each release of Debian gets its lines', () => {
  const [, deb = '', npm = ''] = documentedBlocks('README.md', 'Install')
  assert.deepEqual(linesFor(13, deb), [`sudo apt-get install ./dtlto_${packageVersion()}_amd64.deb`])
  assert.equal(linesFor(12, deb).length, 1)
  assert.match(linesFor(12, deb).join(), /dtlto-node/)
  assert.equal(linesFor(12, npm).length, linesFor(13, npm).length + 1)
})

test('a Dockerfile is read with its continued lines', () => {
  const names = documentedBlocks('docs/install.md', 'In containers and CI', 'dockerfile').map((block) =>
    dockerInstructions(block).map(([name]) => name),
  )
  assert.deepEqual(names, [
    ['FROM', 'RUN', 'ADD', 'ENV', 'RUN'],
    ['FROM', 'COPY', 'RUN', 'RUN'],
  ])
})

test('glibc and libstdc++ need not be newer than docs/install.md says', () => {
  const [, glibc = '', gcc = ''] =
    /needs \| glibc (2\.\d+), libstdc\+\+ of GCC (\d+) \|/.exec(read('docs/install.md')) ?? []
  const programs = readdirSync(DTLTO_BIN).map((name) => join(DTLTO_BIN, name))
  const ours = [...WITH_LLVM.map((name) => join(NATIVE, name)), ...programs, process.execPath]
  const library = /(?:libLLVM\S*) => (\S+)/.exec(must('ldd', [join(NATIVE, 'dtlto.node')], { cwd: '/' }))?.[1] ?? ''
  const found = floors([...ours, library])
  // GCC 12 has GLIBCXX_3.4.30, GCC 13 3.4.31 and 3.4.32.
  assert.equal(gcc, '12')
  assert.ok(isAtMost(found.glibc, glibc), `glibc ${found.glibc}`)
  assert.ok(isAtMost(found.libstdcxx, '3.4.30'), `libstdc++ ${found.libstdcxx}`)
  assert.match(read('README.md'), new RegExp(`glibc ${glibc} or newer`))
})

function isAtMost(version: string, limit: string): boolean {
  return version.localeCompare(limit, 'en', { numeric: true }) <= 0
}
