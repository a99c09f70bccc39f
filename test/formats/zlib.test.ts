/**
 * zlib, from the distribution's source, for five platforms: what dtlto links is what stock lld links, to the last bit,
 * and it runs there.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, delimiter, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { CLANG, DTLTO_BIN, LLVM_BIN, must } from '../link/toolchain.js'
import { whyMissing } from './machines.js'
import { PLATFORMS, type Platform } from './platforms.js'
import { LIBRARY, MINIGZIP, zlibSource } from './zlib-source.js'

const objectsOf = (sources: readonly string[]): string[] => sources.map((source) => basename(source).replace(/c$/, 'o'))
const env = { DTLTO_DISTRIBUTE: 'local', PATH: `${DTLTO_BIN}${delimiter}${process.env['PATH'] ?? ''}` }

let source = ''
let home = ''
before(async () => {
  source = await zlibSource()
  home = mkdtempSync(join(tmpdir(), 'dtlto-formats-'))
})
after(() => rmSync(home, { recursive: true, force: true }))

for (const platform of PLATFORMS) {
  const skip = whyMissing(platform.needs) ?? false
  describe(`zlib for ${platform.name}`, { skip }, () => {
    const executable = platform.isWindows ? 'minigzip.exe' : 'minigzip'
    let directory = ''
    before(() => {
      directory = join(home, platform.name)
      mkdirSync(directory)
      compileAll(platform, directory)
    })

    it('has a minigzip with libz.a that is identical and compresses', () => {
      const made = linkBoth(platform, directory, [executable], ['minigzip.o', 'libz.a'])
      checkCompresses(platform, join(made, executable))
    })

    if (platform.library !== undefined)
      it('has a shared libz, and a minigzip that uses it, that are identical and compress', () => {
        const { outputs, libraryArgs, programArgs } = sharedLibrary(platform)
        linkBoth(platform, directory, outputs, [...objectsOf(LIBRARY), ...libraryArgs], outputs[0])
        const made = linkBoth(platform, directory, [executable], ['minigzip.o', ...programArgs])
        checkCompresses(platform, join(made, executable))
      })
  })
}

function compileAll(platform: Platform, directory: string): void {
  const sources = [...LIBRARY, MINIGZIP].map((name) => join(source, name))
  // Windows has no PIC to ask for.
  const pic = platform.isWindows ? [] : ['-fPIC']
  const flags = ['-flto=thin', '-O2', ...pic, '-DHAVE_UNISTD_H', '-Wno-everything', `-I${source}`]
  must(CLANG, [...platform.target, ...flags, '-c', ...sources], { cwd: directory })
  assert.equal(readFileSync(join(directory, 'deflate.o')).toString('latin1', 0, 2), 'BC', 'objects are bitcode')
  must(join(LLVM_BIN, 'llvm-ar'), ['rcs', 'libz.a', ...objectsOf(LIBRARY)], { cwd: directory })
  if (platform.runtime === undefined) return
  writeFileSync(join(directory, 'runtime.s'), platform.runtime)
  must(CLANG, [...platform.target, '-c', 'runtime.s'], { cwd: directory })
}

/** As zlib's own makefiles make it, with its versions, its name, its import library. */
function sharedLibrary({ isWindows }: Platform) {
  if (isWindows)
    return {
      outputs: ['zlib1.dll', 'libz.dll.a'],
      libraryArgs: ['-Wl,--out-implib,libz.dll.a'],
      programArgs: ['libz.dll.a'],
    }
  // The list of versions names functions that some configurations do not have.
  const versions = ['-Wl,--undefined-version', `-Wl,--version-script,${join(source, 'zlib.map')}`]
  return {
    outputs: ['libz.so.1'],
    libraryArgs: ['-Wl,-soname,libz.so.1', ...versions, '-Wl,-z,defs'],
    programArgs: ['libz.so.1', '-Wl,-rpath,$ORIGIN'],
  }
}

/**
 * Links with stock lld, then with dtlto, in the same directory and to the same names; every output must be the same.
 * Gives the directory with dtlto's outputs. `library`: the name of the shared library to make, else an executable.
 */
function linkBoth(
  platform: Platform,
  directory: string,
  outputs: readonly string[],
  inputs: readonly string[],
  library?: string,
): string {
  const [output = ''] = outputs
  const end = library === undefined ? platform.executable : (platform.library ?? [])
  const runtime = platform.runtime === undefined ? [] : ['runtime.o']
  const link = (linker: string): Buffer[] => {
    for (const file of outputs) rmSync(join(directory, file), { force: true })
    const kind = library === undefined ? [] : ['-shared']
    const args = [...platform.target, '-flto=thin', '-O2', linker, ...kind, ...inputs, ...runtime, ...end, '-o', output]
    must(CLANG, args, { cwd: directory, env })
    return outputs.map((file) => readFileSync(join(directory, file)))
  }
  const stock = link('-fuse-ld=lld')
  const dtlto = link(platform.useDtlto)
  outputs.forEach((file, index) => {
    assert.ok(stock[index]?.equals(dtlto[index] as Buffer), `${file} for ${platform.name} differs`)
  })
  return directory
}

function checkCompresses(platform: Platform, executable: string): void {
  const text = Buffer.concat([...LIBRARY, MINIGZIP].map((name) => readFileSync(join(source, name))))
  const scratch = mkdtempSync(join(home, 'run-'))
  const { program, args, env = {} } = platform.start(executable, scratch)
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    input: text,
    env: { ...process.env, ...env },
    cwd: scratch,
    maxBuffer: 1 << 28,
    timeout: 30_000,
  })
  assert.equal(error, undefined)
  assert.equal(status, 0, stderr.toString())
  assert.ok(stdout.length > 1000 && stdout.length < text.length / 2, `${stdout.length} bytes of ${text.length}`)
  assert.ok(gunzipSync(stdout).equals(text), 'what was compressed does not come back')
}
