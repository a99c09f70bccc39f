/**
 * Real programs over buildbox-casd: C and C++, with the compiler that is sent and with that of the workers. With DTLTO_TEST_FULL=1 git too, which takes far longer.
 *
 *     DTLTO_TEST_FULL=1 node scripts/test.mjs engines/reapi-programs
 */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { codegenProgram } from '@dtlto/native'
import { Casd, whyNoCasd } from '../../packages/distributor-reapi/src/testing/casd.js'
import { DTLTO, STOCK } from '../link/toolchain.js'
import { checkProgram, copyProgram, prepare, type Program, type ProgramName } from '../programs/programs.js'
import { run, tryRun } from '../programs/run.js'
import { measureJobs } from '../remote-jobs/bytes.js'
import { readTotals, type Totals } from './reapi-totals.js'

const PROGRAMS: readonly ProgramName[] =
  process.env['DTLTO_TEST_FULL'] === '1' ? ['ninja', 'redis', 'git'] : ['ninja', 'redis']
/** Directories, commands and actions beside what jobs consist of. */
const OVERHEAD = 1.05
const skip = (await whyNoCasd()) ?? false

for (const name of PROGRAMS) {
  describe(`${name} over buildbox-casd`, { skip }, () => {
    let directory = ''
    let stock = ''
    let program: Program
    let elsewhere: Program

    before(async () => {
      directory = await mkdtemp(join(tmpdir(), 'dtlto-reapi-'))
      program = await prepare(name)
      stock = join(directory, 'stock')
      await run(STOCK, [...program.linkArgs, '-o', stock], { cwd: program.directory })
      elsewhere = await copyProgram(program, join(directory, 'elsewhere'))
    })
    after(() => rm(directory, { recursive: true, force: true }))

    const link = async (server: Casd, toolchain: string, { linkArgs, directory: cwd }: Program): Promise<Totals> => {
      const [output, trace] = [join(directory, 'out'), join(directory, 'trace.json')]
      const engine = `--distribute=reapi,remote_executor=${server.address},toolchain=${toolchain}`
      const options = [engine, '--distribute-fallback=none', `--distribute-trace=${trace}`]
      const ran = await tryRun(DTLTO, [...linkArgs, '-o', output, ...options], { cwd })
      assert.deepEqual(ran, { exitCode: 0, stdout: '', stderr: '' })
      assert.ok(readFileSync(output).equals(readFileSync(stock)), `${output} differs from ${stock}`)
      return readTotals(trace)
    }

    for (const { toolchain, root } of [
      { toolchain: 'ship', root: 'empty' },
      { toolchain: 'image', root: 'image' },
    ] as const) {
      test(`has the bytes of stock lld with toolchain=${toolchain}, and sends and executes nothing when it is linked in another directory`, async () => {
        const server = await Casd.start({ root })
        try {
          const first = await link(server, toolchain, program)
          assert.ok(first.executed > 0)
          await checkProgram(program, join(directory, 'out'))
          const { executed, sentBlobs } = await link(server, toolchain, elsewhere)
          // With toolchain=image: the action that asks for a version, and its command.
          assert.deepEqual({ executed, hasSent: sentBlobs > 2 }, { executed: 0, hasSent: false })
          if (toolchain === 'ship') await assertSentOnce(first)
        } finally {
          await server.stop()
        }
      })
    }

    /** What was sent is hardly more than the contents of all jobs, each once, and the toolchain. */
    const assertSentOnce = async ({ sentBytes }: Totals): Promise<void> => {
      process.chdir(program.directory)
      const scratch = join(directory, 'scratch')
      mkdirSync(scratch)
      const { unique } = await measureJobs(program.linkArgs, program.directory, scratch)
      const limit = OVERHEAD * unique + (await toolchainBytes())
      assert.ok(sentBytes <= limit, `${sentBytes} bytes, more than ${limit}`)
    }
  })
}

async function toolchainBytes(): Promise<number> {
  const { stdout } = await tryRun(codegenProgram(), ['--manifest'], { cwd: '/' })
  return stdout.split('\n').reduce((sum, line) => sum + Number(/^[0-9a-f]{64} (\d+) /.exec(line)?.[1] ?? 0), 0)
}
