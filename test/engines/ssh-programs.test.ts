/**
 * Real programs on machines that ssh reaches: the bytes of stock lld, and little more on the wires than what there is to say. A usual run links a part of the
 * matrix; with DTLTO_TEST_FULL=1 all of it, git too.
 */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { Cable } from '../../packages/distributor-distcc/src/testing/cable.js'
import { SshUser, whyNoSshd } from '../../packages/distributor-ssh/src/testing/sshd.js'
import { DTLTO, STOCK } from '../link/toolchain.js'
import { checkProgram, prepare, type Program, type ProgramName } from '../programs/programs.js'
import { run, tryRun } from '../programs/run.js'
import { measureJobs } from '../remote-jobs/bytes.js'

const ALL = [1, 2, 4]
/** How many machines, for each program. ninja is C++. */
const MATRIX: Readonly<Record<ProgramName, readonly number[]>> =
  process.env['DTLTO_TEST_FULL'] === '1'
    ? { ninja: ALL, redis: ALL, git: ALL, ffmpeg: [2] }
    : { ninja: ALL, redis: [], git: [], ffmpeg: [] }
/** What a job says beside its contents: names, sizes, digests. */
const BYTES_PER_JOB = 16 * 1024
const noCable = Cable.whyNot()

for (const name of Object.keys(MATRIX) as ProgramName[]) {
  if (MATRIX[name].length === 0) continue
  describe(`${name} over ssh`, { skip: whyNoSshd() }, () => {
    const user = new SshUser()
    const cables: Cable[] = []
    // As with a home directory on a file server: dtlto-codegen is sent once for all.
    const cache = join(user.directory, 'shared')
    let directory = ''
    let stock = ''
    let program: Program
    let unique: number
    let indexes: number
    let jobs: number

    before(async () => {
      mkdirSync(cache)
      directory = await mkdtemp(join(tmpdir(), 'dtlto-ssh-'))
      program = await prepare(name)
      stock = join(directory, 'stock')
      await run(STOCK, [...program.linkArgs, '-o', stock], { cwd: program.directory })
      const scratch = join(directory, 'scratch')
      mkdirSync(scratch)
      const here = process.cwd()
      process.chdir(program.directory)
      ;({ unique, indexes, jobs } = await measureJobs(program.linkArgs, program.directory, scratch))
      process.chdir(here)
    })
    afterEach(async () => {
      await user.stop()
      for (const cable of cables.splice(0)) cable.remove()
    })
    after(async () => {
      await user.remove()
      await rm(directory, { recursive: true, force: true })
    })

    for (const count of MATRIX[name]) {
      test(`has the bytes of stock lld, and works, with ${count} machine(s)`, async () => {
        const names = Array.from({ length: count }, (_, i) => `of${count}-${i}`)
        for (const machine of names) {
          const cable = noCable === undefined ? Cable.lay() : undefined
          if (cable !== undefined) cables.push(cable)
          await user.machine(machine, { cache, ...(cable && { wrapper: cable.wrapper, address: cable.address }) })
        }
        const output = join(directory, 'out')
        const trace = join(directory, 'trace.json')
        const hosts = names.map((machine) => `${machine}/2`).join('+')
        const options = [`--distribute=ssh,hosts=${hosts}`, '--distribute-fallback=none', `--distribute-trace=${trace}`]
        const { exitCode, stderr } = await tryRun(DTLTO, [...program.linkArgs, '-o', output, ...options], {
          cwd: program.directory,
          env: { ...process.env, ...user.env },
        })
        assert.equal(exitCode, 0, stderr)
        assert.ok(readFileSync(output).equals(readFileSync(stock)), `${output} differs from ${stock}`)
        await checkProgram(program, output)
        await rm(output)

        const text = readFileSync(trace, 'utf8')
        const sent = [...text.matchAll(/ssh: (\d+) bytes of jobs sent to/g)].map(([, bytes]) => Number(bytes))
        // A job that is late may be sent a second time.
        const most = unique + indexes + jobs * BYTES_PER_JOB
        assert.equal(sent.length, count)
        for (const bytes of sent)
          assert.ok(bytes <= most, `${bytes} bytes were sent to a machine, and there are ${unique} in all`)
      })
    }
  })
}
