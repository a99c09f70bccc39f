/**
 * What do the jobs of a real link send over distcc, with whole modules and without the functions that they do not import? No server is needed, and the machine does not matter,
 * but for the processor time of packing.
 *
 *     node --import tsx bench/distcc-bytes.ts [redis|git|ninja|ffmpeg …]
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PackedContent } from '../packages/distributor-distcc/src/packed-content.js'
import { STOCK } from '../test/link/toolchain.js'
import { prepare, type Program, type ProgramName } from '../test/programs/programs.js'
import { RECIPES } from '../test/programs/recipes.js'
import { withJobs } from '../test/remote-jobs/jobs.js'
import { mebibytes, milliseconds, seconds, table } from './format.js'
import { threadTimeMs } from '../packages/dtlto/src/report/thread-time.js'

interface Measured {
  readonly jobs: number
  readonly plain: number
  readonly whole: number
  readonly slim: number
  /** For the slim form, every module and index compressed as often as the linker does. */
  readonly packMs: number
}

const names = process.argv.length > 2 ? process.argv.slice(2) : ['redis', 'git', 'ninja']
for (const name of names)
  if (!Object.hasOwn(RECIPES, name))
    throw new Error(`expected ${Object.keys(RECIPES).join(', ')} but received '${name}'`)

const rows: string[][] = []
for (const name of names as ProgramName[]) {
  const { jobs, plain, whole, slim, packMs } = await measureProgram(await prepare(name, console.error))
  rows.push([
    name,
    String(jobs),
    mebibytes(plain),
    mebibytes(whole),
    mebibytes(slim),
    (slim / whole).toFixed(2),
    seconds(packMs),
    milliseconds(packMs / jobs),
  ])
}
const header = ['link', 'jobs', 'files', 'whole, after LZO', 'without, after LZO', 'ratio', 'packing', 'a job']
console.log(table(header, rows))

async function measureProgram(program: Program): Promise<Measured> {
  const scratch = await mkdtemp(join(tmpdir(), 'dtlto-bytes-'))
  try {
    process.chdir(program.directory)
    return await withJobs([STOCK, ...program.linkArgs, '-o', join(scratch, 'out')], async (jobs) => {
      const wholes = new Map<string, number>()
      const packed = new Map<string, PackedContent>()
      const sums = { plain: 0, whole: 0, slim: 0, packMs: 0 }
      for (const job of jobs) {
        const made = await job.package()
        const clang = made.kind === 'cannot' ? made : await made.forClang()
        if (clang.kind === 'cannot') throw new Error(clang.reason)
        for (const { name, content, unread } of clang.files) {
          if (content.sizeBytes === 0) continue
          const whole =
            wholes.get(content.id) ?? (await new PackedContent(content).pack(undefined, () => undefined)).length
          wholes.set(content.id, whole)
          const kept = packed.get(content.id) ?? new PackedContent(content)
          if (name !== clang.index) packed.set(content.id, kept)
          const ranges = await unread?.()
          const startMs = threadTimeMs()
          const slim = await kept.pack(ranges, () => undefined)
          sums.packMs += threadTimeMs() - startMs
          sums.plain += content.sizeBytes
          sums.whole += whole
          sums.slim += slim.length
        }
        job.forget()
      }
      return { jobs: jobs.length, ...sums }
    })
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}
