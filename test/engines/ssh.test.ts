/** `--distribute=ssh` and workers through ssh: whole links with real machines, each an sshd of Debian's package. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { codegenProgram } from '@dtlto/native'
import { type Sshd, SshUser, whyNoSshd } from '../../packages/distributor-ssh/src/testing/sshd.js'
import { compile, DTLTO, must, type Ran, run, slowProgram, STOCK } from '../link/toolchain.js'

const NONE = '--distribute-fallback=none'

describe('machines over ssh', { skip: whyNoSshd() }, () => {
  let cwd = ''
  let objects: string[] = []
  let stock: Buffer
  let user: SshUser
  let build1: Sshd
  let build2: Sshd
  before(async () => {
    cwd = mkdtempSync(join(tmpdir(), 'dtlto-ssh-link-'))
    objects = compile(cwd, slowProgram(6, 12), ['-fPIC'])
    must(STOCK, ['-shared', ...objects, '-o', 'stock'], { cwd })
    stock = readFileSync(join(cwd, 'stock'))
    user = new SshUser()
    build1 = await user.machine('build1')
    build2 = await user.machine('build2')
  })
  after(async () => {
    await user.remove()
    rmSync(cwd, { recursive: true })
  })

  const link = (distribute: string, ...more: readonly string[]): Ran => {
    rmSync(join(cwd, 'out'), { force: true })
    const args = ['-shared', ...objects, '-o', 'out', `--distribute=${distribute}`, ...more]
    return run(DTLTO, args, { cwd, env: user.env })
  }
  const isIdentical = (): void => {
    assert.ok(readFileSync(join(cwd, 'out')).equals(stock), 'out differs from stock')
  }

  test('are workers that a command starts', () => {
    const command = `ssh -o BatchMode=yes build1 ${codegenProgram()} --serve`
    assert.deepEqual(link(`worker,slots=2,command=${command}`, NONE), { exitCode: 0, stdout: '', stderr: '' })
    isIdentical()
  })

  test('need nothing: the compiler is sent once', () => {
    assert.deepEqual(link('ssh,hosts=build1/2', NONE), { exitCode: 0, stdout: '', stderr: '' })
    isIdentical()
    const toolchain = build1.toolchain()
    const files = readdirSync(toolchain)
    assert.ok(files.includes('dtlto-codegen'))
    assert.deepEqual(link('ssh,hosts=build1/2', NONE), { exitCode: 0, stdout: '', stderr: '' })
    isIdentical()
    assert.equal(build1.toolchain(), toolchain)
  })

  test('may be several', () => {
    assert.deepEqual(link('ssh,hosts=build1/2+build2/2', NONE), { exitCode: 0, stdout: '', stderr: '' })
    isIdentical()
    assert.ok(build2.toolchain())
  })
})
