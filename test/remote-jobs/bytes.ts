/** How many bytes a link's jobs have in all, beside its bitcode and the shards of stock lld. */
import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { withJobs } from './jobs.js'
import { must, STOCK } from '../link/toolchain.js'

export interface JobBytes {
  readonly jobs: number
  /** Every blob once, however many jobs name it. */
  readonly unique: number
  /** Modules among them. */
  readonly modules: number
  readonly indexes: number
  /** Every blob as often as a job names it. */
  readonly named: number
  /** The modules' bitcode as the linker read it. */
  readonly bitcode: number
  /** What `--thinlto-index-only` of stock lld writes for the same modules. */
  readonly shards: number
}

/** For an ELF link of `args`, run in `cwd`, where this process must be. `scratch`: an empty directory. */
export async function measureJobs(args: readonly string[], cwd: string, scratch: string): Promise<JobBytes> {
  // Deep, for inputs that are named by way of `..`.
  const prefix = join(scratch, 'up', 'up', 'up', 'up', '/')
  mkdirSync(prefix, { recursive: true })
  must(STOCK, [...args, '-o', join(scratch, 'out'), '--thinlto-index-only', `--thinlto-prefix-replace=;${prefix}`], {
    cwd,
  })
  const shards = filesBelow(scratch)
    .filter((path) => path.endsWith('.thinlto.bc'))
    .reduce((sum, path) => sum + statSync(path).size, 0)
  return withJobs([STOCK, ...args, '-o', join(scratch, 'out')], async (jobs) => {
    const sizes = new Map<string, number>()
    const ofRole = { own: 0, import: 0, index: 0, options: 0, file: 0 }
    let named = 0
    let bitcode = 0
    for (const job of jobs) {
      bitcode += job.bitcodeBytes
      const packed = await job.package()
      if (packed.kind === 'cannot') throw new Error(packed.reason)
      for (const { role, content } of packed.blobs) {
        named += content.sizeBytes
        const digest = await content.digest()
        if (!sizes.has(digest)) ofRole[role] += content.sizeBytes
        sizes.set(digest, content.sizeBytes)
      }
    }
    const unique = [...sizes.values()].reduce((sum, size) => sum + size, 0)
    return {
      jobs: jobs.length,
      unique,
      modules: ofRole.own + ofRole.import,
      indexes: ofRole.index,
      named,
      bitcode,
      shards,
    }
  })
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => resolve(directory, name))
    .filter((path) => statSync(path).isFile())
}
