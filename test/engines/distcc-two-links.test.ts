import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Distccd, type DistccdOptions, whyNoDistccd } from '../../packages/distributor-distcc/src/testing/distccd.js'
import { Proxy } from '../../packages/distributor-distcc/src/testing/proxy.js'
import { compile, DTLTO, must, slowProgram, STOCK } from '../link/toolchain.js'

const SLOTS = 2
const LINKS = ['one', 'other'] as const

describe('two links at once over one distccd', { skip: whyNoDistccd() }, () => {
  let cwd = ''
  let link: string[] = []
  let server: Distccd | undefined
  const running: ChildProcess[] = []
  const relays: Proxy[] = []

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

  const cases: readonly [
    title: string,
    server: DistccdOptions,
    option: (address: string, server: Distccd) => string,
  ][] = [
    ['the host list says', { stats: false }, (address) => `--distribute=distcc,stats-port=0,hosts=${address}/${SLOTS}`],
    [
      'the server’s statistics say, though the host list says more',
      { stats: true },
      (address, { statsPort }) => `--distribute=distcc,stats-port=${statsPort},hosts=${address}/64`,
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
      for (const _ of LINKS) relays.push(await Proxy.to(distccd.port))
      for (const relay of relays) relay.onMore = look
      const links = LINKS.map((output, i) => {
        const relay = relays[i] as Proxy
        const args = [...link, '-o', output, optionFor(relay.address, distccd), '--distribute-fallback=none']
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
