import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Distccd, type DistccdOptions, whyNoDistccd } from '../../packages/distributor-distcc/src/testing/distccd.js'
import { compile, DTLTO, must, slowProgram, STOCK } from '../link/toolchain.js'
import { Relay } from './connections.js'

const SLOTS = 2
const LINKS = ['one', 'other'] as const

describe('two links at once over one distccd', { skip: whyNoDistccd() }, () => {
  let cwd = ''
  let link: string[] = []
  let server: Distccd | undefined
  const running: ChildProcess[] = []
  const relays: Relay[] = []

  before(() => {
    cwd = mkdtempSync(join(tmpdir(), 'dtlto '))
    link = ['-e', 'main', ...compile(cwd, slowProgram(10, 6), ['-g'])]
    must(STOCK, [...link, '-o', 'stock'], { cwd })
  })
  afterEach(async () => {
    for (const child of running.splice(0)) child.kill('SIGKILL')
    for (const relay of relays.splice(0)) await relay.stop()
    await server?.stop()
    server = undefined
  })
  after(() => {
    rmSync(cwd, { recursive: true })
  })

  const cases: readonly [title: string, server: DistccdOptions, option: (port: number, server: Distccd) => string][] = [
    [
      'the host list says',
      { stats: false },
      (port) => `--distribute=distcc,stats-port=0,hosts=127.0.0.1:${port}/${SLOTS}`,
    ],
    [
      'the server’s statistics say, though the host list says more',
      { stats: true },
      (port, { statsPort }) => `--distribute=distcc,stats-port=${statsPort},hosts=127.0.0.1:${port}/64`,
    ],
  ]
  for (const [title, options, optionFor] of cases) {
    test(`each has as many connections as slots, which ${title}, never more, and both have the bytes of stock lld`, {
      timeout: 300_000,
    }, async () => {
      const distccd = await Distccd.start({ jobs: SLOTS, ...options })
      server = distccd
      let areBothFull = false
      const look = (): void => {
        areBothFull ||= relays.every((relay) => relay.open === SLOTS)
      }
      for (const _ of LINKS) relays.push(await Relay.start(distccd.port, look))
      const links = LINKS.map((output, i) => {
        const relay = relays[i] as Relay
        const args = [...link, '-o', output, optionFor(relay.port, distccd), '--distribute-fallback=none']
        const child = spawn(DTLTO, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
        running.push(child)
        return { output, child, printed: printedBy(child), relay }
      })
      const ended = Promise.all(links.map(({ child }) => once(child, 'close')))
      let compilers = 0
      while (links.some(({ child }) => child.exitCode === null && child.signalCode === null)) {
        compilers = Math.max(compilers, distccd.compiling())
        await sleep(5)
      }
      await ended
      for (const { output, child, printed, relay } of links) {
        assert.equal(printed(), '')
        assert.equal(child.exitCode, 0)
        assert.equal(relay.most, SLOTS, `connections of link '${output}'`)
        assert.ok(readFileSync(join(cwd, output)).equals(readFileSync(join(cwd, 'stock'))), `'${output}' differs`)
        rmSync(join(cwd, output))
      }
      assert.ok(areBothFull, 'the links were never at work at the same time')
      assert.ok(compilers >= 1 && compilers <= SLOTS, `${compilers} compilers at the same time`)
    })
  }
})

/** What a child has printed so far, on both streams. */
function printedBy(child: ChildProcess): () => string {
  let text = ''
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()))
  child.stderr?.on('data', (chunk: Buffer) => (text += chunk.toString()))
  return () => text
}
