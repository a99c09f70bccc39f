import assert from 'node:assert/strict'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { Distccd, whyNoDistccd } from '../../packages/distributor-distcc/src/testing/distccd.js'
import { DTLTO, must, run } from '../link/toolchain.js'
import { DistccLink, distributeTo } from './distcc-link.js'

const skip = whyNoDistccd()

describe('a whole link over stock distccd', { skip }, () => {
  let program: DistccLink
  let cwd = ''
  let link: readonly string[] = []
  const servers: Distccd[] = []

  before(() => {
    program = new DistccLink(10, 12)
    cwd = program.directory
    link = program.args
  })
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.stop()))
  })
  after(() => program.remove())

  const farm = async (count: number): Promise<string> => {
    for (let i = 0; i < count; i++) servers.push(await Distccd.start({ jobs: 2, stats: false }))
    return distributeTo(servers)
  }
  const identical = (): void => assert.ok(program.isIdentical(), 'out differs from stock')

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
})
