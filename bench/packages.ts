/**
 * What a large file among the options of a link (a profile) costs the event loop for each job, while nobody compiles: a distributor packs
 * each job as `worker` does, with digests, keeping what a worker keeps, and gives it back. The same link with a small profile is the comparison; and
 * programs with more jobs tell what is once a link from what is once a job.
 *
 *     node --import tsx bench/packages.ts [ninja|redis|git …] [--profile-mib N]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { link } from '../packages/dtlto/src/index.js'
import { codegenMessage, contentDigests, defineDistributor, DtltoError } from '../packages/dtlto/src/plugin.js'
import { prepare, type ProgramName } from '../test/programs/programs.js'
import { RECIPES } from '../test/programs/recipes.js'
import { describeMachine, milliseconds, table } from './format.js'
import { positiveInteger } from './positive-integer.js'
import { threadTimeMs } from '../packages/dtlto/src/report/thread-time.js'
import { writeSampleProfile } from './sample-profile.js'

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'profile-mib': { type: 'string', default: '42' } },
})
const names = positionals.length > 0 ? positionals : ['ninja', 'redis', 'git']
const large = positiveInteger('--profile-mib', options['profile-mib'])
if (!names.every((name) => Object.hasOwn(RECIPES, name))) {
  console.error(`usage: node --import tsx bench/packages.ts [${Object.keys(RECIPES).join('|')} …] [--profile-mib N]`)
  process.exit(2)
}

const directory = mkdtempSync(join(tmpdir(), 'dtlto-bench-'))
const rows: string[][] = []
try {
  for (const name of names) {
    const program = await prepare(name as ProgramName, console.error)
    process.chdir(program.directory)
    // The first link pays for loading.
    await packed(program.linkArgs, 1)
    const [small, big] = [await packed(program.linkArgs, 1), await packed(program.linkArgs, large)]
    const more = big.ownMs - small.ownMs
    rows.push([
      name,
      String(big.jobs),
      milliseconds(small.ownMs),
      milliseconds(big.ownMs),
      milliseconds(more),
      milliseconds(more / big.jobs),
    ])
  }
} finally {
  rmSync(directory, { recursive: true })
}
console.log(`${await describeMachine()}\n`)
const columns = ['link', 'jobs', 'thread, profile of 1 MiB', `of ${String(large)} MiB`, 'more', 'more a job']
console.log(table(columns, rows))

/** Processor time of the event loop's thread from the first job to the last, all of them packed. */
async function packed(
  linkArgs: readonly string[],
  mebibytes: number,
): Promise<{ readonly ownMs: number; readonly jobs: number }> {
  const profile = writeSampleProfile(directory, mebibytes)
  let [startMs, endMs, jobs, left] = [0, 0, 0, 0]
  const kept = new Set<string>()
  let end = (): void => undefined
  const allPacked = new Promise<void>((resolve) => (end = resolve))
  const packer = defineDistributor({
    name: 'packer',
    apiVersion: '2.0.0',
    options: {},
    open: () => ({
      endpoints: () => [{ id: 'nowhere', slots: 1000, accepting: true }],
      prepare: async (all) => {
        left = jobs = all.length
        startMs = threadTimeMs()
        await Promise.resolve()
      },
      async compile(job) {
        const work = await job.package()
        if (work.kind === 'cannot') throw new Error(work.reason)
        const digests = await contentDigests(work)
        const message = codegenMessage(
          work,
          ({ content: { id } }) => {
            if (kept.has(id)) return 'known'
            kept.add(id)
            return 'keep'
          },
          digests,
        )
        message.release()
        endMs = threadTimeMs()
        if (--left === 0) end()
        await allPacked
        return { kind: 'cannot', reason: 'it only packs' }
      },
      close: () => Promise.resolve(),
      destroy: () => undefined,
    }),
  })
  const args = [...linkArgs, `--lto-sample-profile=${profile}`, '-o', join(directory, 'out')]
  const { exitCode } = await link({
    flavour: 'elf',
    args,
    distributors: [{ distributor: packer, options: {} }],
    fallback: 'none',
  })
  if (exitCode === 0) throw new DtltoError('DTLTO_DISTRIBUTOR_FAILED', 'nobody compiled, and the link succeeded')
  return { ownMs: endMs - startMs, jobs }
}
