import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { DtltoError, type ErrorCode, link, type LinkEvent, LinkSummary } from '../../packages/dtlto/src/index.js'
import { defineDistributor } from '../../packages/dtlto/src/plugin.js'
import { codegen } from '../plugins/codegen.js'
import { compile, must, SMALL_PROGRAM, STOCK } from '../link/toolchain.js'

const codeIs = (code: ErrorCode) => (error: unknown) => DtltoError.is(error) && error.code === code

/** A distributor of a build tool: it compiles one job at a time, and counts. `hold` makes it wait for an abort instead. */
function countingDistributor(hold = false) {
  const seen = { compiled: 0, closed: 0, greeting: '' }
  const definition = defineDistributor({
    name: 'counting',
    apiVersion: '2.0.0',
    options: { greeting: { type: 'string', description: 'kept', default: 'none' } },
    open(context, { greeting }) {
      seen.greeting = greeting
      const good = codegen(context, 1)
      return {
        endpoints: () => [{ id: 'counting', slots: 1, accepting: true }],
        async compile(job, _endpoint, attempt) {
          if (hold) {
            await new Promise((_, reject) => {
              attempt.signal.addEventListener('abort', () => {
                reject(new DtltoError('DTLTO_CANCELLED', 'aborted'))
              })
            })
          }
          const result = await good.compile(job, attempt)
          seen.compiled++
          return result
        },
        close: () => {
          seen.closed++
          return good.close()
        },
        destroy: () => good.destroy(),
      }
    },
  })
  return { definition, seen }
}

describe('a program that embeds links', () => {
  const home = process.cwd()
  let cwd = ''
  let stock: Buffer
  before(() => {
    cwd = mkdtempSync(join(tmpdir(), 'dtlto-'))
    compile(cwd, SMALL_PROGRAM)
    must(STOCK, ['-shared', '-o', 'stock', ...objects], { cwd })
    stock = readFileSync(join(cwd, 'stock'))
    process.chdir(cwd)
  })
  after(() => {
    process.chdir(home)
    rmSync(cwd, { recursive: true })
  })
  afterEach(() => {
    rmSync('out', { force: true })
  })
  const objects = ['main.o', 'twice.o', 'add.o']
  const args = ['-shared', '-o', 'out', ...objects]

  test('runs one after the other, with distributors of its own and their options, and gets stock output', async () => {
    const { definition, seen } = countingDistributor()
    for (const greeting of ['first', 'second']) {
      const events: LinkEvent[] = []
      const result = await link({
        flavour: 'elf',
        args,
        distributors: [{ distributor: definition, options: { greeting } }],
        fallback: 'none',
        onEvent: (event) => events.push(event),
      })
      assert.deepEqual(result, { exitCode: 0, stdout: '', stderr: '' })
      assert.equal(seen.greeting, greeting)
      assert.ok(readFileSync('out').equals(stock))
      rmSync('out')
      const kinds = events.map((event) => (event.type === 'scheduler' ? event.event.kind : event.type))
      assert.equal(kinds[0], 'jobs')
      assert.deepEqual(kinds.slice(-2), ['objects', 'end'])
      assert.equal(kinds.filter((kind) => kind === 'job-ended').length, 3)
    }
    assert.deepEqual([seen.compiled, seen.closed], [6, 2])
  })

  test('gets what lld says as text, and goes on after its errors', async () => {
    const wrong = await link({ flavour: 'elf', args: [...args, 'none.o'] })
    assert.equal(wrong.exitCode, 1)
    assert.match(wrong.stderr, /cannot open none\.o/)
    const version = await link({ flavour: 'elf', args: ['--version'] })
    assert.match(version.stdout, /^.*LLD \d+\.\d+/)
    assert.equal((await link({ flavour: 'elf', args })).exitCode, 0)
    assert.ok(readFileSync('out').equals(stock))
  })

  test('cancels with a signal, before the link and in its middle, and can link again', async () => {
    await assert.rejects(link({ flavour: 'elf', args, signal: AbortSignal.abort() }), codeIs('DTLTO_CANCELLED'))
    const controller = new AbortController()
    const { definition, seen } = countingDistributor(true)
    const cancelled = link({
      flavour: 'elf',
      args,
      distributors: [definition],
      fallback: 'none',
      signal: controller.signal,
      onEvent: (event) => {
        if (event.type === 'scheduler' && event.event.kind === 'attempt-started') controller.abort()
      },
    })
    await assert.rejects(cancelled, codeIs('DTLTO_CANCELLED'))
    assert.deepEqual([seen.compiled, seen.closed], [0, 1])
    assert.equal((await link({ flavour: 'elf', args })).exitCode, 0)
  })

  test('is told at once what cannot work: two links together, unknown options, something that is no distributor', async () => {
    const first = link({ flavour: 'elf', args })
    await assert.rejects(link({ flavour: 'elf', args }), codeIs('DTLTO_LINK_RUNNING'))
    assert.equal((await first).exitCode, 0)
    await assert.rejects(
      link({ flavour: 'elf', args, distributors: [{ distributor: 'local', options: { hosts: 'x' } }] }),
      codeIs('DTLTO_PLUGIN_OPTION_INVALID'),
    )
    const { definition } = countingDistributor()
    await assert.rejects(
      link({ flavour: 'elf', args, distributors: [{ ...definition, apiVersion: '99.0.0' }] }),
      codeIs('DTLTO_PLUGIN_INVALID'),
    )
  })

  test('can do what the guide shows', () => {
    const guide = readFileSync(join(home, 'docs/embedding.md'), 'utf8')
    const code = /```js\n(.*?)```/s.exec(guide)?.[1] ?? ''
    const dist = (name: string): string => JSON.stringify(new URL(`../../packages/dtlto/dist/${name}`, import.meta.url))
    writeFileSync('guide.mjs', code.replace("'dtlto'", dist('index.js')).replace("'dtlto/plugin'", dist('plugin.js')))
    const printed = must(process.execPath, ['guide.mjs'], { cwd })
    assert.match(printed, /^0 {2}\nsummary: 3 ThinLTO jobs in/)
    assert.match(printed, /careful {2}3 jobs/)
  })

  test('can have the summary that the programs print', async () => {
    const summary = new LinkSummary()
    const { definition } = countingDistributor()
    const onEvent = (event: LinkEvent): void => summary.add(event)
    await link({ flavour: 'elf', args, distributors: [definition], fallback: 'none', onEvent })
    assert.match(summary.text(), /^summary: 3 ThinLTO jobs in [\d.]+ s, after/)
    assert.match(summary.text(), /\n {2}counting {2}3 jobs, up to 1 in flight/)
  })

  test('is told how far it is, from no job to all of them', async () => {
    const told: Extract<LinkEvent, { type: 'progress' }>[] = []
    const { definition } = countingDistributor()
    const onEvent = (event: LinkEvent): void => {
      if (event.type === 'progress') told.push(event)
    }
    await link({ flavour: 'elf', args, distributors: [definition], fallback: 'none', onEvent })
    assert.deepEqual(
      told.map(({ done }) => done),
      [0, 1, 2, 3],
    )
    for (const { done, total, running, etaMs } of told) {
      assert.equal(total, 3)
      assert.ok(running >= 0 && running <= total - done, `${String(running)} of ${String(total - done)} run`)
      assert.ok(etaMs === undefined || etaMs >= 0)
    }
  })
})
