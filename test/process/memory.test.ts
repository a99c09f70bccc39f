import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { compile, DTLTO, must, STOCK } from '../link/toolchain.js'
import { MemoryGroup } from './memory-group.js'

const MODULES = 6
const group = MemoryGroup.open()

/** Straight code of some thousand instructions, which the optimizer cannot make less. */
function source(module: number): string {
  const functions = Array.from({ length: 100 }, (_, f) => {
    const lines = Array.from(
      { length: 40 },
      (_, i) =>
        `a = a * ${String(module * 31 + f * 7 + i + 3)}u ^ b[a & ${String((i * 5) & 63)}]; b[${String(i)}] += a >> ${String((i % 7) + 1)};`,
    )
    return `unsigned m${String(module)}_${String(f)}(unsigned a, unsigned *b) { ${lines.join(' ')} return a; }\n`
  })
  return functions.join('')
}

describe('a link in a control group', { skip: typeof group === 'string' ? group : false }, () => {
  const memory = group as MemoryGroup
  let cwd = ''
  let link: string[] = []

  before(() => {
    cwd = mkdtempSync(join(tmpdir(), 'dtlto-memory-'))
    const sources = Array.from({ length: MODULES }, (_, i) => [`m${String(i)}.c`, source(i)] as const)
    const objects = compile(cwd, Object.fromEntries(sources), ['-fPIC', '-O1', '-g'])
    link = ['-shared', `--thinlto-jobs=${String(MODULES)}`, ...objects]
    must(STOCK, [...link, '-o', 'stock'], { cwd })
  })
  after(() => rmSync(cwd, { recursive: true, force: true }))

  const GIB = 1024 ** 3
  const dtlto = (output: string, ...options: string[]): string[] => [DTLTO, ...link, '-o', output, ...options]
  const isSame = (output: string): boolean => readFileSync(join(cwd, output)).equals(readFileSync(join(cwd, 'stock')))

  async function peak(command: readonly string[]): Promise<number> {
    const [run] = await memory.run(GIB, [command], cwd)
    assert.equal(run?.end, 0, run?.stderr)
    return run.peakBytes
  }

  it('starts backends only while they fit, and ends where stock lld is killed', async (test) => {
    const all = await peak(dtlto('all', '--distribute=local,memory=off'))
    const one = await peak(dtlto('one', '--distribute=local,slots=1'))
    const limit = one + (all - one) * 0.4
    test.diagnostic(`one at a time ${mib(one)}, all ${mib(all)}, limit ${mib(limit)}`)
    const [stock] = await memory.run(limit, [[STOCK, ...link, '-o', 'killed']], cwd)
    assert.equal(stock?.end, 'SIGKILL')
    const [run] = await memory.run(limit, [dtlto('fits', '--distribute=local')], cwd)
    assert.equal(run?.end, 0, run?.stderr)
    assert.ok(isSame('fits'))
  })

  it('shares it with another link of the same user', async (test) => {
    const one = await peak(dtlto('one', '--distribute=local,slots=1'))
    const all = await peak(dtlto('all', '--distribute=local,memory=off'))
    // Each has its own base, and some of the backends.
    const limit = 2 * one + (all - one) * 0.4
    test.diagnostic(`limit ${mib(limit)}; all of both would take some ${mib(2 * all)}`)
    const runs = await memory.run(
      limit,
      ['left', 'right'].map((output) => dtlto(output, '--distribute=local,share=off')),
      cwd,
    )
    for (const { end, stderr } of runs) assert.equal(end, 0, stderr)
    assert.ok(isSame('left') && isSame('right'))
  })

  it('compiles again, alone, what the kernel has killed: estimates may be wrong', async (test) => {
    // Little bitcode, of which the backend makes a hundred megabytes: so many that the limit has room for the gate's reserve, else no second one is begun.
    const grows = (name: string): string =>
      `unsigned ${name}(unsigned a, unsigned *b, unsigned n) {
  _Pragma("clang loop unroll_count(2000)")
  for (unsigned i = 0; i < n; i++) { a = a * 3u ^ b[(a + i) & 63]; b[i & 63] += a >> 1; }
  return a;
}
`
    const names = Array.from({ length: 4 }, (_, i) => `grow${String(i)}`)
    const objects = compile(cwd, Object.fromEntries(names.map((name) => [`${name}.c`, grows(name)])), ['-fPIC', '-g'])
    const args = ['-shared', `--thinlto-jobs=${String(names.length)}`, ...objects]
    must(STOCK, [...args, '-o', 'stock-grow'], { cwd })
    const linkOf = (output: string, more: string): string[] => [
      DTLTO,
      ...args,
      '-o',
      output,
      `--distribute=worker,share=off${more}`,
      '--distribute-fallback=none',
      `--distribute-trace=${output}.json`,
    ]
    const one = await peak(linkOf('grow-one', ',slots=1'))
    const all = await peak(linkOf('grow-all', ',memory=off'))
    const limit = one + (all - one) * 0.3
    test.diagnostic(`one at a time ${mib(one)}, all ${mib(all)}, limit ${mib(limit)}`)
    const [run] = await memory.run(limit, [linkOf('grow-fits', '')], cwd)
    assert.equal(run?.end, 0, run?.stderr)
    assert.ok(readFileSync(join(cwd, 'grow-fits')).equals(readFileSync(join(cwd, 'stock-grow'))))
    assert.match(readFileSync(join(cwd, 'grow-fits.json'), 'utf8'), /the kernel has killed a backend/)
  })
})

function mib(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(0)} MiB`
}
