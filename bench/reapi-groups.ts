/**
 * Many small modules over buildbox-casd on this machine: each job an action of its own, against several in one (`group_small_jobs`), in rounds of pairs.
 *
 *     node --import tsx bench/reapi-groups.ts [--modules 200] [--slots 4] [--rounds 3]
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Casd, whyNoCasd } from '../packages/distributor-reapi/src/testing/casd.js'
import { tinyModules } from '../test/link/tiny-modules.js'
import { compile, DTLTO, must, STOCK } from '../test/link/toolchain.js'
import { describeMachine, seconds, table } from './format.js'
import { measure } from './measure.js'
import { positiveInteger } from './positive-integer.js'
import { sameBytes } from './same-bytes.js'
import { median } from './statistics.js'

const { values } = parseArgs({
  options: {
    modules: { type: 'string', default: '200' },
    slots: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '3' },
  },
})
const modules = positiveInteger('--modules', values.modules)
const slots = positiveInteger('--slots', values.slots)
const rounds = positiveInteger('--rounds', values.rounds)
const missing = await whyNoCasd()
if (missing !== undefined) throw new Error(missing)

const directory = await mkdtemp(join(tmpdir(), 'dtlto-bench-'))
const casd = await Casd.start({ root: 'empty' })
try {
  const inputs = ['-e', 'main', ...compile(directory, tinyModules(modules)), '-o']
  must(STOCK, [...inputs, 'stock'], { cwd: directory })
  // The compiler is sent, and everything is warm.
  await link('never')
  const samples = { never: [] as Sample[], always: [] as Sample[] }
  for (let round = 0; round < rounds; round++)
    for (const grouping of round % 2 === 0 ? (['never', 'always'] as const) : (['always', 'never'] as const))
      samples[grouping].push(await link(grouping))
  const rows = (['never', 'always'] as const).map((grouping) => [
    `group_small_jobs=${grouping}`,
    seconds(median(samples[grouping].map(({ wallMs }) => wallMs))),
    String(median(samples[grouping].map(({ actions }) => actions))),
  ])
  const ratios = samples.never.map(({ wallMs }, i) => wallMs / (samples.always[i]?.wallMs ?? NaN))
  console.log(`${modules + 1} modules, ${slots} actions at a time, ${await describeMachine()}\n`)
  console.log(table(['link', 'wall', 'actions'], rows))
  console.log(`\n${median(ratios).toFixed(1)} times as fast (${ratios.map((ratio) => ratio.toFixed(1)).join(', ')})`)

  interface Sample {
    readonly wallMs: number
    readonly actions: number
  }

  async function link(grouping: 'never' | 'always'): Promise<Sample> {
    const engine = `--distribute=reapi,remote_executor=${casd.address},slots=${slots}`
    const options = `${engine},remote_accept_cached=false,group_small_jobs=${grouping}`
    const trace = join(directory, 'trace.json')
    const argv = [DTLTO, ...inputs, 'out', options, '--distribute-fallback=none', `--distribute-trace=${trace}`]
    const { wallMs } = await measure({ argv, directory })
    if (!(await sameBytes(join(directory, 'stock'), join(directory, 'out')))) throw new Error('the outputs differ')
    const text = await readFile(trace, 'utf8')
    const number = (pattern: RegExp, index: number): number => Number(pattern.exec(text)?.[index] ?? 0)
    const executed = number(/reapi: (\d+) jobs executed/, 1)
    const together = /reapi: (\d+) jobs in (\d+) actions/
    return { wallMs, actions: executed - number(together, 1) + number(together, 2) }
  }
} finally {
  await casd.stop()
  await rm(directory, { recursive: true, force: true })
}
