/**
 * What does a link send over ssh? A real program with one machine and with several, against all that there is to say: each content once.
 *
 *     node --import tsx bench/ssh-bytes.ts [redis|git|ninja|ffmpeg] [--machines 1,2,4]
 *
 * Bytes are those of jobs, before ssh encrypts them; dtlto-codegen, which is sent once, is not among them.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { SshUser, whyNoSshd } from '../packages/distributor-ssh/src/testing/sshd.js'
import { DTLTO } from '../test/link/toolchain.js'
import { prepare, type ProgramName } from '../test/programs/programs.js'
import { RECIPES } from '../test/programs/recipes.js'
import { measureJobs } from '../test/remote-jobs/bytes.js'
import { table } from './format.js'

const { values, positionals } = parseArgs({ allowPositionals: true, options: { machines: { type: 'string' } } })
const name = positionals[0] ?? 'redis'
if (!(name in RECIPES)) throw new Error(`expected ${Object.keys(RECIPES).join(', ')} but received '${name}'`)
const counts = (values.machines ?? '1,2,4').split(',').map(Number)
const missing = whyNoSshd()
if (missing !== undefined) throw new Error(missing)

const scratch = mkdtempSync(join(tmpdir(), 'dtlto-bench-'))
const user = new SshUser()
try {
  const { linkArgs, directory } = await prepare(name as ProgramName, console.error)
  const shards = join(scratch, 'shards')
  mkdirSync(shards)
  const here = process.cwd()
  process.chdir(directory)
  const { jobs, unique, indexes } = await measureJobs(linkArgs, directory, shards)
  process.chdir(here)
  const cache = join(user.directory, 'shared')
  mkdirSync(cache)
  const rows: string[][] = []
  for (const count of counts) {
    const machines = Array.from({ length: count }, (_, i) => `of${count}-${i}`)
    for (const machine of machines) await user.machine(machine, { cache })
    const sent = link(linkArgs, directory, machines)
    const [all, most] = [sent.reduce((sum, bytes) => sum + bytes, 0), Math.max(...sent)]
    rows.push([String(count), megabytes(all), megabytes(most), (most / unique).toFixed(3), (all / unique).toFixed(3)])
    await user.stop()
  }
  console.log(
    `${name}: ${jobs} jobs, ${megabytes(unique)} of contents, each once, ${megabytes(indexes)} of them indexes\n`,
  )
  const head = ['machines', 'sent', 'most to one', 'most to one ÷ contents', 'sent ÷ contents']
  console.log(table(head, rows))
} finally {
  await user.remove()
  rmSync(scratch, { recursive: true, force: true })
}

/** The bytes of jobs that went to each machine. */
function link(args: readonly string[], cwd: string, machines: readonly string[]): number[] {
  const trace = join(scratch, 'trace.json')
  const hosts = machines.map((machine) => `${machine}/2`).join('+')
  const options = [`--distribute=ssh,hosts=${hosts}`, '--distribute-fallback=none', `--distribute-trace=${trace}`]
  const { status, stderr } = spawnSync(DTLTO, [...args, '-o', join(scratch, 'out'), ...options], {
    cwd,
    env: { ...process.env, ...user.env },
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(stderr)
  const told = [...readFileSync(trace, 'utf8').matchAll(/ssh: (\d+) bytes of jobs sent to/g)]
  return told.map(([, bytes]) => Number(bytes))
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(2)} MB`
}
