/**
 * Prints how many bytes the jobs of a real program's link have:
 *
 *     node --import tsx test/remote-jobs/measure-bytes.ts redis|git
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { inTemporaryDirectory } from '../link/toolchain.js'
import { prepare, type ProgramName } from '../programs/programs.js'
import { measureJobs } from './bytes.js'

const [name = 'redis'] = process.argv.slice(2)
if (name !== 'redis' && name !== 'git') throw new Error(`unknown program '${name}': redis, git`)
const program = await prepare(name satisfies ProgramName, console.error)

await inTemporaryDirectory(async (directory) => {
  const scratch = join(directory, 'scratch')
  mkdirSync(scratch)
  process.chdir(program.directory)
  const bytes = await measureJobs(program.linkArgs, program.directory, scratch)
  const kib = (count: number): string => `${(count / 1024).toFixed(0).padStart(8)} KiB`
  const limit = bytes.bitcode + 1.25 * bytes.shards
  console.log(`${name} ${program.version}: ${String(bytes.jobs)} jobs
bitcode as linked          ${kib(bytes.bitcode)}
stock lld's shards         ${kib(bytes.shards)}
unique bytes of all jobs   ${kib(bytes.unique)}   modules ${kib(bytes.modules)}, indexes ${kib(bytes.indexes)}
sent without any sharing   ${kib(bytes.named)}
bitcode + 1.25 × shards    ${kib(limit)}   ${bytes.unique <= limit ? 'met' : 'MISSED'}; indexes ${(bytes.indexes / bytes.shards).toFixed(3)} × shards`)
})
