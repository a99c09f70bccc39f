import assert from 'node:assert/strict'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkProgram, linkWithMake, prepare, type ProgramName } from '../programs/programs.js'
import { run } from '../programs/run.js'
import { inTemporaryDirectory, STOCK } from './toolchain.js'

for (const name of ['redis', 'git', 'ninja'] satisfies ProgramName[]) {
  test(`${name}, linked by its own makefile with -fuse-ld=dtlto, has the bytes of stock lld and works`, () =>
    inTemporaryDirectory(async (directory) => {
      const program = await prepare(name)
      const stock = join(directory, 'stock')
      await run(STOCK, [...program.linkArgs, '-o', stock], { cwd: program.directory })
      const copy = join(directory, 'copy')
      const executable = await linkWithMake(program, copy)
      assert.ok(readFileSync(executable).equals(readFileSync(stock)), `${executable} differs from ${stock}`)
      await checkProgram(program, executable)
      rmSync(copy, { recursive: true })
    }))
}
