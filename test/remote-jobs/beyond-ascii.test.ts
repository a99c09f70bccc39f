import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { compile, inTemporaryDirectory, SMALL_PROGRAM, STOCK, LLVM_MAJOR } from '../link/toolchain.js'
import { withJobs } from './jobs.js'

// LLVM 22 damages what follows such a byte in an index's table of modules.
for (const name of ['ü', 'Ελληνικά', '🦄', 'a/é.o']) {
  test(`jobs of modules in '${name}' hold all that they import`, () =>
    inTemporaryDirectory(async (directory) => {
      const sources = join(directory, name)
      mkdirSync(sources, { recursive: true })
      const objects = compile(sources, { ...SMALL_PROGRAM, 'é.c': 'int unused;\n' }).map((object) =>
        join(sources, object),
      )
      await withJobs([STOCK, '-shared', ...objects, '-o', join(directory, 'out')], async (jobs, session) => {
        let imports = 0
        for (const job of jobs) {
          const packed = await job.package()
          if (packed.kind === 'cannot') throw new Error(packed.reason)
          const clang = await packed.forClang()
          if (clang.kind === 'cannot') throw new Error(clang.reason)
          const work = join(directory, String(job.index))
          mkdirSync(work)
          for (const file of clang.files) writeFileSync(join(work, file.name), file.content.bytes())
          const stderr = execFileSync(`clang-${LLVM_MAJOR}`, clang.args, { cwd: work, encoding: 'utf8' })
          assert.equal(stderr, '')
          const here = await session.native.compileToMemory(job.index)
          assert.ok(readFileSync(join(work, clang.output)).equals(here), job.moduleId)
          imports += clang.files.length - 2
        }
        assert.ok(imports > 0, 'nothing was imported')
      })
    }))
}
