/** The recipes of docs/build-systems.md, as they stand there, on the programs that they name: with distribution, and the bytes of stock lld. */
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { after, describe, test } from 'node:test'
import { DTLTO_BIN, LLVM_MAJOR } from '../link/toolchain.js'
import { documentedBlocks } from '../packages/documented.js'
import { fetchSource } from '../programs/apt-source.js'
import { tryRun } from '../programs/run.js'

/** The section of docs/build-systems.md, Debian's source package that it is tried on, and what that makes. */
const RECIPES = [
  ['CMake', 'libjsoncpp', ['out/bin/jsoncpp_test', 'out/lib/libjsoncpp.so.25']],
  ['Meson', 'libjsoncpp', ['out/libjsoncpp.so.25']],
  ['Autotools and libtool', 'libogg', ['src/.libs/libogg.so.0.8.5', 'src/test_framing', 'src/test_bitwise']],
  ['Make', 'bzip2', ['bzip2', 'bzip2recover']],
] as const

describe('a build with', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'dtlto-build-'))
  const sources = new Map<string, Promise<string>>()
  after(() => rmSync(scratch, { recursive: true, force: true }))

  const fetched = (name: string): Promise<string> => {
    const known = sources.get(name)
    if (known !== undefined) return known
    const directory = join(scratch, name)
    mkdirSync(directory)
    const source = fetchSource(name, directory, join(scratch, 'apt')).then(() => directory)
    sources.set(name, source)
    return source
  }

  for (const [title, source, outputs] of RECIPES) {
    const script = documentedBlocks('docs/build-systems.md', title).join('').replaceAll('-22', `-${LLVM_MAJOR}`)
    test(`${title} has the bytes of stock lld, and its jobs are distributed (${source})`, async () => {
      // The same directory for both, which is compiled into programs.
      const directory = join(scratch, 'build')
      const links = join(scratch, 'links.txt')
      const build = async (settings: Readonly<Record<string, string>>): Promise<readonly Buffer[]> => {
        rmSync(directory, { recursive: true, force: true })
        cpSync(await fetched(source), directory, { recursive: true, preserveTimestamps: true })
        const PATH = `${DTLTO_BIN}${delimiter}${process.env['PATH'] ?? ''}`
        const env = { ...process.env, PATH, SOURCE_DATE_EPOCH: '1700000000', ...settings }
        const { exitCode, stdout, stderr } = await tryRun('sh', ['-ec', script], { cwd: directory, env })
        assert.equal(exitCode, 0, `${stdout}\n${stderr}`)
        return outputs.map((output) => readFileSync(join(directory, output)))
      }
      const stock = await build({})
      rmSync(links, { force: true })
      const ours = await build({ DTLTO_DISTRIBUTE: 'worker', DTLTO_FALLBACK: 'none', DTLTO_SUMMARY: links })
      for (const [i, output] of outputs.entries())
        assert.ok(ours[i]?.equals(stock[i] ?? Buffer.alloc(0)), `${output} differs from stock lld's`)
      assert.match(readFileSync(links, 'utf8'), /^ +worker +\d+ jobs?,/m, 'no job was distributed')
    })
  }
})
