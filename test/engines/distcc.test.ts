import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { Distccd, whyNoDistccd } from '../../packages/distributor-distcc/src/testing/distccd.js'
import { compile, DTLTO, must, type Ran, run, slowProgram, STOCK } from '../link/toolchain.js'

const skip = whyNoDistccd()

describe('a whole link over stock distccd', { skip }, () => {
  let cwd = ''
  let link: string[] = []
  const servers: Distccd[] = []

  before(() => {
    cwd = mkdtempSync(join(tmpdir(), 'dtlto '))
    const objects = compile(cwd, slowProgram(10, 12), ['-g'])
    must('llvm-ar-22', ['rc', 'lib some.a', ...objects.slice(5)], { cwd })
    link = ['-e', 'main', ...objects.slice(0, 5), '--whole-archive', 'lib some.a', '--no-whole-archive']
    must(STOCK, [...link, '-o', 'stock'], { cwd })
  })
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.stop()))
  })
  after(() => {
    rmSync(cwd, { recursive: true })
  })

  const farm = async (count: number): Promise<string> => {
    for (let i = 0; i < count; i++) servers.push(await Distccd.start({ jobs: 2, stats: false }))
    return `--distribute=distcc,stats-port=0,hosts=${servers.map(({ address }) => `${address}/2`).join('+')}`
  }
  const identical = (): void => {
    assert.ok(readFileSync(join(cwd, 'out')).equals(readFileSync(join(cwd, 'stock'))), 'out differs from stock')
    rmSync(join(cwd, 'out'))
  }

  for (const count of [1, 2, 4]) {
    test(`has the bytes of stock lld with ${String(count)} server(s) and no other help`, async () => {
      const option = await farm(count)
      const ran = run(DTLTO, [...link, '-o', 'out', option, '--distribute-fallback=none'], { cwd })
      assert.deepEqual(ran, { exitCode: 0, stdout: '', stderr: '' })
      identical()
    })
  }

  test('has the bytes of stock lld when servers and this machine share the work', async () => {
    const option = await farm(2)
    const ran = run(DTLTO, [...link, '-o', 'out', option, '--distribute=local'], { cwd })
    assert.deepEqual(ran, { exitCode: 0, stdout: '', stderr: '' })
    identical()
  })

  test('writes nothing on this machine but the output', async () => {
    const option = await farm(1)
    const known = readdirSync(cwd)
    must(
      'strace',
      ['-f', '-qq', '-e', 'trace=openat,open,creat,mkdir,mkdirat', '-o', 'trace', DTLTO, ...link, '-o', 'out', option],
      { cwd },
    ) // prettier-ignore
    const created = readFileSync(join(cwd, 'trace'), 'utf8')
      .split('\n')
      .filter((line) => / = \d/.test(line) && /O_CREAT|mkdir|creat\(/.test(line))
      .flatMap((line) => /"([^"]*)"/.exec(line)?.[1] ?? [])
    assert.deepEqual(
      created.filter((path) => !/^out(\.tmp[0-9a-f]+)?$|^\/dev\//.test(path)),
      [],
    )
    identical()
    rmSync(join(cwd, 'trace'))
    assert.deepEqual(readdirSync(cwd), known)
  })

  const faults: readonly [what: string, strike: (server: Distccd) => void][] = [
    ['are killed', (server) => server.signalAll('SIGKILL')],
    ['lose their serving processes', (server) => server.signalChildren('SIGKILL')],
    ['stop answering', (server) => server.signalAll('SIGSTOP')],
  ]
  for (const [what, strike] of faults) {
    test(`has the bytes of stock lld though its servers ${what} in the middle of it`, {
      timeout: 100_000,
    }, async () => {
      const option = await farm(2)
      const ended = start([...link, '-o', 'out', option])
      await compilersRun()
      for (const server of servers) strike(server)
      const { exitCode, stderr } = await ended
      assert.equal(exitCode, 0, stderr)
      // One line at most for each server and reason.
      assert.ok(stderr.split('\n').filter(Boolean).length <= 8, stderr)
      identical()
    })
  }

  test('says what is wrong when no server can be reached, and links all the same', () => {
    const option = '--distribute=distcc,stats-port=0,hosts=127.0.0.1:9/4'
    const { exitCode, stderr } = run(DTLTO, [...link, '-o', 'out', option], { cwd })
    assert.equal(exitCode, 0)
    assert.match(stderr, /^ld\.dtlto: warning: distcc: .*127\.0\.0\.1:9/)
    identical()
  })

  function start(args: readonly string[]): Promise<Ran> {
    const child = spawn(DTLTO, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    return new Promise((resolve) => {
      child.on('close', (exitCode) => {
        resolve({ exitCode, stdout, stderr })
      })
    })
  }

  async function compilersRun(): Promise<void> {
    const deadline = Date.now() + 20_000
    while (!servers.some((server) => server.compilers().length > 0)) {
      if (Date.now() > deadline) throw new Error('no compiler was started on a server')
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
})
