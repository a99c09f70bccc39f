/** Real programs, of which no job is compiled in the linker's process: one that cannot be remote would fail the link. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { DTLTO, STOCK } from '../link/toolchain.js'
import { prepare, type Program, type ProgramName } from '../programs/programs.js'
import { run } from '../programs/run.js'

const WAYS = {
  'compiled in worker processes': 'local,isolate=process',
  'compiled by a stock clang': fileURLToPath(new URL('../../examples/process-pool/index.js', import.meta.url)),
} as const

/** Two cores take a minute for each link of git, and half of one for redis. */
const PROGRAMS: readonly ProgramName[] = process.env['DTLTO_TEST_FULL'] === '1' ? ['ninja', 'redis', 'git'] : ['ninja']

for (const name of PROGRAMS) {
  describe(`${name}, every job made of its bytes`, () => {
    const directory = mkdtempSync(join(tmpdir(), 'dtlto-remote-'))
    const [stock, dtlto] = [join(directory, 'stock'), join(directory, 'dtlto')]
    let program: Program

    before(async () => {
      program = await prepare(name)
      await run(STOCK, [...program.linkArgs, '-o', stock], { cwd: program.directory })
    })
    after(() => {
      rmSync(directory, { recursive: true })
    })

    for (const [way, distribute] of Object.entries(WAYS)) {
      test(`and ${way}, has the bytes of stock lld`, async () => {
        const options = [`--distribute=${distribute}`, '--distribute-fallback=none']
        await run(DTLTO, [...program.linkArgs, '-o', dtlto, ...options], { cwd: program.directory })
        assert.ok(readFileSync(dtlto).equals(readFileSync(stock)), `${dtlto} differs from ${stock}`)
      })
    }
  })
}
