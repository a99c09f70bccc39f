/**
 * Answers by chance, on real sockets, to small links that are complete in themselves: DTLTO_TEST_ANSWERS answers of each kind (1,000) from seed DTLTO_TEST_ANSWERS_SEED on
 * (1). Whatever a server answers, no link fails, none takes more memory than it may, and none has a wrong output, but for bits that are flipped where no
 * check of an object's form can see it (docs/security.md).
 */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { link, type LinkEvent } from 'dtlto'
import distcc from '../../packages/distributor-distcc/src/index.js'
import { CLANG, inTemporaryDirectory, must, STOCK } from '../link/toolchain.js'
import { Random } from '../remote-jobs/random.js'
import { type Answering, RecordingServer } from './recording-server.js'
import { FLIPPED, HARMLESS } from './wrong-answers.js'

const ANSWERS = Number(process.env['DTLTO_TEST_ANSWERS'] ?? 1000)
const SEED = Number(process.env['DTLTO_TEST_ANSWERS_SEED'] ?? 1)
const MODULES = 40
/** What the process may take beyond what it has when the server answers well: stated in docs/security.md. */
const MORE_MEMORY_MIB = 512

interface Outcome {
  readonly links: number
  readonly wrongOutputs: number
  readonly placed: number
  readonly secondLinks: number
  readonly peakMiB: number
}

describe('answers by chance', () => {
  let server: RecordingServer
  before(async () => {
    server = await RecordingServer.start()
  })
  after(() => server.stop())

  const linkUntil = (answers: number, answering: Answering): Promise<Outcome> =>
    inTemporaryDirectory(async (cwd) => {
      const sources = writeSources(cwd)
      must(CLANG, ['-flto=thin', '-O2', '-fPIC', '-c', ...sources], { cwd })
      const args = ['-shared', ...sources.map((source) => source.replace('.c', '.o')), '-o', 'out']
      must(STOCK, args, { cwd })
      const stock = readFileSync(join(cwd, 'out'))
      const home = process.cwd()
      const mostLinks = 10 + answers / 2
      process.chdir(cwd)
      const outcome = { links: 0, wrongOutputs: 0, placed: 0, secondLinks: 0, peakMiB: 0 }
      try {
        const goal = server.answers + answers
        server.answering = answering
        for (; server.answers < goal; outcome.links++) {
          assert.ok(outcome.links < mostLinks, `only ${String(server.answers - goal + answers)} answers were asked for`)
          const events: LinkEvent[] = []
          // Many names of one server: each of them is a server to the distributor, and one that failed does not keep the jobs from the others.
          const hosts = Array.from({ length: MODULES }, (_, i) =>
            server.address.replace('0.0.1', `0.${String(outcome.links % 250)}.${String(i + 1)}`),
          )
          const { exitCode, stdout, stderr } = await link({
            flavour: 'elf',
            args,
            distributors: [
              {
                distributor: distcc,
                options: { hosts: hosts.map((host) => `${host}/1`), 'stats-port': 0, probe: false },
              },
            ],
            onEvent: (event) => events.push(event),
          })
          assert.deepEqual([exitCode, stdout, stderr], [0, '', ''], `link ${String(outcome.links)}`)
          if (!readFileSync('out').equals(stock)) outcome.wrongOutputs++
          for (const event of events) {
            if (event.type === 'warning' && event.kind === 'second-link') outcome.secondLinks++
            if (event.type === 'scheduler' && event.event.kind === 'attempt-ended')
              outcome.placed += event.event.distributor === 'distcc' && event.event.outcome.kind === 'placed' ? 1 : 0
          }
        }
      } finally {
        process.chdir(home)
      }
      outcome.peakMiB = process.resourceUsage().maxRSS / 1024
      return outcome
    })

  test('that are wrong in any way that can be known do not change a byte', async (context) => {
    const good = await linkUntil(
      MODULES,
      (answer) => HARMLESS['the right answer']?.(answer, [], new Random(0)) ?? Buffer.alloc(0),
    )
    assert.deepEqual([good.wrongOutputs, good.secondLinks], [0, 0])
    const random = new Random(SEED)
    const kinds = Object.keys(HARMLESS)
    const outcome = await linkUntil(ANSWERS, (answer, all) => {
      const wrong = HARMLESS[random.pick(kinds)]
      return wrong ? wrong(answer, all, random) : Buffer.alloc(0)
    })
    context.diagnostic(`${JSON.stringify(outcome)}, before: ${String(good.peakMiB)} MiB`)
    assert.equal(outcome.wrongOutputs, 0)
    assert.ok(outcome.placed > 0)
    assert.ok(outcome.secondLinks > 0, 'no object of another module got as far as the final link')
    assert.ok(outcome.peakMiB < good.peakMiB + MORE_MEMORY_MIB, `${String(outcome.peakMiB)} MiB`)
  })

  test('that have one wrong bit end no link, and few of them are taken', async (context) => {
    const random = new Random(SEED)
    const outcome = await linkUntil(ANSWERS, (answer, all) => FLIPPED(answer, all, random))
    context.diagnostic(JSON.stringify(outcome))
    // Nobody can know what is wrong with an instruction.
    assert.ok(outcome.placed < ANSWERS * 0.6, 'hardly any object was refused')
  })
})

/** Modules whose objects have data, relocations and calls, and symbols of their own. */
function writeSources(cwd: string): string[] {
  return Array.from({ length: MODULES }, (_, i) => {
    const [name, next] = [`m${String(i)}`, `m${String((i + 1) % MODULES)}`]
    writeFileSync(
      join(cwd, `${name}.c`),
      `int ${next}(int, const char **); static const char *const names[] = {"${name}", "x${name}", 0}; int ${name}_data = ${String(i)};
      __attribute__((noinline)) int ${name}(int x, const char **to) { *to = names[x & 1]; return x > 99 ? ${name}_data : ${next}(x * 3 + ${name}_data, to); }\n`,
    )
    return `${name}.c`
  })
}
