/**
 * Links with other Nodes than the one that has built dtlto: the oldest that it supports, and one of each line since then. Packages are made with one Node and run with the user's, and with it go code
 * caches, and flags of V8 that not every version knows.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { codegenProgram } from '@dtlto/native'
import { FakeEngine } from '../../packages/distributor-reapi/src/testing/fake-engine.js'
import { DistccLink } from '../engines/distcc-link.js'

const NODES = fileURLToPath(new URL('../../build/nodes', import.meta.url))
const VERSIONS = ['20.19.0', '22.23.3', '24.21.0', '26.12.1']

/** The path of this Node's program, which npm has as a package. */
function nodeOf(version: string): string {
  const home = join(NODES, version)
  const program = join(home, 'package/bin/node')
  if (existsSync(program)) return program
  mkdirSync(NODES, { recursive: true })
  const unfinished = mkdtempSync(`${home}-`)
  try {
    const name = `node-linux-${process.arch}@${version}`
    for (const command of [`npm pack --silent ${name}`, 'tar -xzf *.tgz package/bin/node']) {
      const { status, stderr } = spawnSync('/bin/sh', ['-c', command], { cwd: unfinished, encoding: 'utf8' })
      if (status !== 0) throw new Error(`'${command}' has failed:\n${stderr}`)
    }
    if (!existsSync(home)) renameSync(unfinished, home)
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
  return program
}

describe('with a Node that has not built it', () => {
  let program: DistccLink
  let engine: FakeEngine
  before(async () => {
    program = new DistccLink(3, 1)
    engine = await FakeEngine.start()
  })
  after(() => {
    engine.stop()
    program.remove()
  })
  afterEach(() => delete process.env['DTLTO_NODE'])

  for (const version of VERSIONS) {
    it(`dtlto links as ever, and V8 has nothing to say (${version})`, async () => {
      process.env['DTLTO_NODE'] = nodeOf(version)
      const reapi = `reapi,remote_executor=${engine.address},toolchain=image,image_compiler=${codegenProgram()}`
      for (const distributor of ['local', 'worker', reapi]) {
        const options = [`--distribute=${distributor}`, '--distribute-trace=trace.json', '--distribute-fallback=none']
        const { exitCode, stdout, stderr } = await program.start(options)
        assert.deepEqual({ exitCode, stdout, stderr }, { exitCode: 0, stdout: '', stderr: '' }, distributor)
        assert.ok(program.isIdentical(), 'out differs from stock')
        const trace = readFileSync(join(program.directory, 'trace.json'), 'utf8')
        assert.ok(trace.includes(`"node":"${version}"`), 'another Node')
      }
    })
  }
})
