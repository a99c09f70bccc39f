import { strict as assert } from 'node:assert'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { llvmRoot, SUPPORTED_LLVMS } from '../../scripts/llvm-versions.mjs'
import { DTLTO_BIN, inTemporaryDirectory, LLVM_MAJOR, must, run, SMALL_PROGRAM } from './toolchain.js'

/** LLVM 22 and 23 on one machine: where both are installed and this checkout is built for both (`node scripts/llvm-23.mjs beside`). */
const BUILD = fileURLToPath(new URL('../../packages/native/build/', import.meta.url))
const nativeOf = (major: number): string =>
  String(major) === LLVM_MAJOR ? BUILD : join(BUILD, `llvm-${String(major)}`)
const missing = SUPPORTED_LLVMS.filter((major) => !existsSync(join(nativeOf(major), 'dtlto.node')))
const skip = missing.length > 0 ? `this checkout is not built for LLVM ${missing.join(', ')}` : false
const PATH = `${DTLTO_BIN}:${process.env['PATH'] ?? ''}`

interface Program {
  readonly major: number
  readonly clang: string
  readonly objects: readonly string[]
  readonly stock: Buffer
}

function compileWith(major: number, directory: string): Program {
  const cwd = join(directory, String(major))
  mkdirSync(cwd)
  const clang = join(llvmRoot(major), 'bin/clang')
  const objects = Object.entries(SMALL_PROGRAM).map(([name, text]) => {
    writeFileSync(join(cwd, name), text)
    must(clang, ['-flto=thin', '-O2', '-c', name, '-o', `${name}.o`], { cwd })
    return `${name}.o`
  })
  must(clang, ['-flto=thin', '-O2', `--ld-path=${join(llvmRoot(major), 'bin/ld.lld')}`, ...objects, '-o', 'stock'], {
    cwd,
  })
  return { major, clang, objects, stock: readFileSync(join(cwd, 'stock')) }
}

describe('LLVM 22 and 23 side by side', () => {
  for (const distribute of ['local', 'worker', 'local,isolate=process'])
    it(`link at the same time, each as its own stock lld, with ${distribute}`, { skip }, () =>
      inTemporaryDirectory(async (directory) => {
        const programs = SUPPORTED_LLVMS.map((major) => compileWith(major, directory))
        const links = programs.flatMap(({ major, clang, objects }) =>
          // clang chooses; the name does; the variable does.
          [
            { linker: 'dtlto', env: {} },
            { linker: `dtlto-${String(major)}`, env: {} },
            { linker: 'dtlto', env: { DTLTO_LLVM: String(major) } },
          ].map(async ({ linker, env }, i) => {
            const options = [`-fuse-ld=${linker}`, `-Wl,--distribute=${distribute}`, '-Wl,--distribute-fallback=none']
            const more = distribute === 'worker' ? options : options.slice(0, 2)
            const child = spawn(clang, ['-flto=thin', '-O2', ...more, ...objects, '-o', `out${String(i)}`], {
              cwd: join(directory, String(major)),
              env: { ...process.env, PATH, ...env },
              stdio: 'inherit',
            })
            assert.deepEqual(await once(child, 'exit'), [0, null])
          }),
        )
        await Promise.all(links)
        for (const { major, stock } of programs)
          for (const i of [0, 1, 2])
            assert.ok(readFileSync(join(directory, String(major), `out${String(i)}`)).equals(stock), String(major))
      }),
    )

  it('says which one links', { skip }, () =>
    inTemporaryDirectory((cwd) => {
      for (const major of SUPPORTED_LLVMS) {
        const version = new RegExp(`\\b${String(major)}\\.\\d+\\.\\d+`)
        assert.match(must(join(DTLTO_BIN, `ld.dtlto-${String(major)}`), ['--version'], { cwd }), version)
        assert.match(must(join(DTLTO_BIN, `dtlto-${String(major)}`), ['--version'], { cwd }), version)
        assert.match(run(join(DTLTO_BIN, `dtlto-${String(major)}`), ['doctor'], { cwd }).stdout, version)
      }
    }),
  )

  it('refuses the jobs of one in the programs of the other, and names both', { skip }, () =>
    inTemporaryDirectory((directory) => {
      const [older, newer] = SUPPORTED_LLVMS
      for (const [from, to] of [
        [older, newer],
        [newer, older],
      ] as const) {
        const options = join(directory, `options-${String(from)}`)
        // A manifest is compared before all else.
        mkdirSync(options)
        writeFileSync(join(options, 'job.txt'), `dtlto-job 3\nllvm ${versionOf(from)}\ntask 1\nobject ""\n`)
        const { exitCode, stderr } = run(join(nativeOf(to), 'dtlto-codegen'), ['--job', options, '-o', 'o'], {
          cwd: directory,
        })
        assert.equal(exitCode, 3)
        assert.ok(stderr.includes(`made by LLVM ${versionOf(from)}, and this worker has LLVM ${versionOf(to)}`), stderr)
      }
    }),
  )

  it('lets LLVM 23 link what LLVM 22 compiled, and not the other way', { skip }, () =>
    inTemporaryDirectory((directory) => {
      const [older, newer] = SUPPORTED_LLVMS.map((major) => compileWith(major, directory)) as [Program, Program]
      const link = (program: Program, linker: number) =>
        run(program.clang, ['-flto=thin', `-fuse-ld=dtlto-${String(linker)}`, ...program.objects, '-o', 'mixed'], {
          cwd: join(directory, String(program.major)),
          env: { PATH },
        })
      assert.equal(link(older, newer.major).exitCode, 0)
      const { exitCode, stderr } = link(newer, older.major)
      assert.notEqual(exitCode, 0)
      assert.match(stderr, /Invalid summary version 14/) // as docs/install.md says
      const asked = run(
        newer.clang,
        [
          '-flto=thin',
          `-fuse-ld=dtlto-${String(older.major)}`,
          '-Wl,--distribute=local',
          ...newer.objects,
          '-o',
          'mixed',
        ],
        {
          cwd: join(directory, String(newer.major)),
          env: { PATH },
        },
      )
      assert.match(
        asked.stderr,
        new RegExp(
          `Invalid summary version 14[^]*has bitcode of LLVM ${String(newer.major)}\\.[^]*: link with 'ld\\.dtlto-${String(newer.major)}'`,
        ),
      )
    }),
  )

  it('lists the versions, and what the compiler on PATH needs', { skip }, () =>
    inTemporaryDirectory((cwd) => {
      const [older, newer] = SUPPORTED_LLVMS
      const clang = join(cwd, 'clang')
      const doctor = (): string =>
        run(join(DTLTO_BIN, `dtlto-${String(older)}`), ['doctor'], { cwd, env: { PATH: `${cwd}:${PATH}` } }).stdout
      symlinkSync(join(llvmRoot(newer), 'bin/clang'), clang)
      assert.match(
        doctor(),
        new RegExp(`${String(older)}\\.\\S+ links here; ${String(newer)}\\.\\S+ links as ld\\.dtlto-${String(newer)}`),
      )
      assert.match(
        doctor(),
        new RegExp(`ok .*its bitcode needs LLVM ${String(newer)}, which -fuse-ld=dtlto takes for it`),
      )
      // Another name: the linker cannot know whose clang it is.
      rmSync(clang)
      writeFileSync(clang, `#!/bin/sh\nexec ${join(llvmRoot(newer), 'bin/clang')} "$@"\n`, { mode: 0o755 })
      assert.match(
        doctor(),
        new RegExp(`BAD .*its bitcode needs LLVM ${String(newer)}[^]*take ld\\.dtlto-${String(newer)}`),
      )
    }),
  )
})

function versionOf(major: number): string {
  return /llvm (\S+)/.exec(must(join(nativeOf(major), 'dtlto-codegen'), ['--version'], { cwd: '/' }))?.[1] ?? ''
}
