/**
 * What do the jobs of a real link send over distcc, with whole modules and without the functions that they do not import? No server is needed, and the machine does not matter,
 * but for the processor time of packing.
 *
 *     node --import tsx bench/distcc-bytes.ts [redis|git|ninja|ffmpeg …]
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BufferPool } from '../packages/dtlto/src/distributors/buffer-pool.js'
import { type ContentToPack, lzo1x, type PackedPieces } from '../packages/dtlto/src/distributors/lzo1x.js'
import { STOCK } from '../test/link/toolchain.js'
import { prepare, type Program } from '../test/programs/programs.js'
import { withJobs } from '../test/remote-jobs/jobs.js'
import { mebibytes, milliseconds, seconds, table } from './format.js'
import { programName } from './program-name.js'

interface Measured {
  readonly jobs: number
  readonly plain: number
  readonly whole: number
  readonly slim: number
  /** For the slim form, every module and index compressed as often as the linker does. */
  readonly packMs: number
}

const names = (process.argv.length > 2 ? process.argv.slice(2) : ['redis', 'git', 'ninja']).map(programName)

/** Buffers are used again, as by the linker. */
const pool = new BufferPool(1 << 25)
const rows: string[][] = []
for (const name of names) {
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
      const kept = new Map<string, PackedPieces>()
      const sums = { plain: 0, whole: 0, slim: 0, packMs: 0 }
      for (const job of jobs) {
        const made = await job.package()
        const clang = made.kind === 'cannot' ? made : await made.forClang()
        if (clang.kind === 'cannot') throw new Error(clang.reason)
        const files = clang.files.filter(({ content }) => content.sizeBytes > 0)
        for (const { content } of files) {
          const whole = wholes.get(content.id) ?? (await packedBytes([{ parts: content.lease().parts }]))
          wholes.set(content.id, whole)
          sums.plain += content.sizeBytes
          sums.whole += whole
        }
        const slim: Omit<ContentToPack, 'into'>[] = []
        for (const { name, content, unread } of files) {
          const pieces = kept.get(content.id) ?? lzo1x().pieces()
          if (name !== clang.index) kept.set(content.id, pieces)
          slim.push({ parts: content.lease().parts, unread: await unread?.(), pieces })
        }
        const start = process.cpuUsage()
        sums.slim += await packedBytes(slim)
        const { user, system } = process.cpuUsage(start)
        sums.packMs += (user + system) / 1000
        job.forget()
      }
      return { jobs: jobs.length, ...sums }
    })
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** How many bytes of the contents are sent. */
async function packedBytes(contents: readonly Omit<ContentToPack, 'into'>[]): Promise<number> {
  const toPack = contents.map((content) => ({ ...content, into: pool.take(mostBytes(content)) }))
  const blocks = await lzo1x().pack(toPack)
  for (const { into } of toPack) pool.give(into)
  return blocks.reduce((sum, { block }) => sum + block.length, 0)
}

function mostBytes({ parts, unread }: Omit<ContentToPack, 'into'>): number {
  return lzo1x().mostBytes(
    parts.reduce((sum, { length }) => sum + length, 0),
    unread,
  )
}
