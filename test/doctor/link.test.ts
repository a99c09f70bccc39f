/** `dtlto doctor --link COMMAND`: where the jobs of a link would go, without the link. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { codegenProgram } from '@dtlto/native'
import { CLANG, compile, DTLTO_BIN, LLVM_BIN, must, type Ran, run, slowProgram } from '../link/toolchain.js'

const WORKER = `worker,slots=2,command=${codegenProgram()} --serve`

describe('dtlto doctor --link', () => {
  let cwd = ''
  let objects: string[] = []
  before(() => {
    cwd = mkdtempSync(join(tmpdir(), 'dtlto-doctor-link-'))
    objects = compile(cwd, slowProgram(8, 2), ['-fPIC'])
  })
  after(() => {
    rmSync(cwd, { recursive: true })
  })

  const doctor = (...command: string[]): Ran =>
    run(join(DTLTO_BIN, 'dtlto'), ['doctor', '--link', ...command], {
      cwd,
      env: { PATH: `${DTLTO_BIN}:${LLVM_BIN}:/usr/bin:/bin`, TMPDIR: cwd },
    })
  const linker = (...args: string[]): Ran => doctor('ld.dtlto', '-shared', ...objects, '-o', 'out', ...args)
  /** How many jobs a line that begins so promises. */
  const jobs = ({ stdout }: Ran, where: RegExp): number => {
    const line = new RegExp(`^\\S* +${where.source}: (\\d+) jobs?\\b`, 'm').exec(stdout)
    assert.ok(line, stdout)
    return Number(line[1])
  }

  test('gives each job a place, tries the cheapest, and writes nothing', () => {
    must(CLANG, ['-flto=thin', '-fuse-ld=lld', '-shared', ...objects, '-o', 'out'], { cwd })
    const before = statSync(join(cwd, 'out'))
    const files = readdirSync(cwd).sort()
    const options = [`-Wl,--distribute=${WORKER}`, '-Wl,--distribute=local', '-Wl,-Map=map']
    const ran = doctor(CLANG, '-flto=thin', '-fuse-ld=dtlto', '-shared', ...objects, '-o', 'out', ...options)
    assert.equal(ran.exitCode, 0, ran.stdout)
    assert.match(ran.stdout, /the link of 'out' in '.*', which is not done/)
    assert.match(ran.stdout, /9 ThinLTO modules/)
    assert.match(ran.stdout, /worker: \d+ jobs; '\S+\.o', the cheapest, was compiled on .* in \d+ ms/)
    assert.match(ran.stdout, /All is well/)
    assert.equal(jobs(ran, /worker/) + jobs(ran, /this machine/), 9)
    assert.deepEqual(readdirSync(cwd).sort(), files)
    const now = statSync(join(cwd, 'out'))
    assert.deepEqual([now.mtimeMs, now.size, now.ino], [before.mtimeMs, before.size, before.ino])
  })

  test('names a farm that is down, and where its jobs go', () => {
    const ran = linker('--distribute=distcc,hosts=127.0.0.1:1/4')
    assert.equal(ran.exitCode, 1)
    assert.match(
      ran.stdout,
      /BAD +distcc: 0 jobs; none of its endpoints takes work\n +127\.0\.0\.1:1: takes no work; 4 slots; .*ECONNREFUSED/,
    )
    assert.equal(jobs(ran, /this machine/), 9)
    const none = linker('--distribute=distcc,hosts=127.0.0.1:1/4', '--distribute-fallback=none')
    assert.match(none.stdout, /BAD +nobody compiles 9 jobs, and the settings keep them from this machine/)
  })

  test('says why jobs stay, in the words of the option', () => {
    const ran = linker(`--distribute=${WORKER}`, '--save-temps')
    assert.match(
      ran.stdout,
      /no distributor can take 9 jobs: .*--save-temps.*\n +'\S+\.o', '\S+\.o', '\S+\.o' and 6 more/,
    )
    assert.equal(jobs(ran, /worker/), 0)
    assert.equal(jobs(ran, /this machine/), 9)
  })

  test('says what one distributor cannot take, and what its compiler says', () => {
    const clangs = linker('--distribute=external,program=/bin/true', '--lto-emit-asm')
    assert.match(clangs.stdout, /(external: cannot take|no distributor can take) 9 jobs: /)
    const broken = linker('--distribute=external,program=/bin/false')
    assert.match(
      broken.stdout,
      /BAD +external: 0 jobs; .*the cheapest, did not come back: '\/bin\/false' ended with exit code 1/,
    )
    assert.equal(jobs(broken, /this machine/), 9)
  })

  test('says what is to be done where there is nothing to distribute', () => {
    writeFileSync(join(cwd, 'plain.c'), 'int plain(void) { return 1; }\n')
    must(CLANG, ['-fPIC', '-c', 'plain.c'], { cwd })
    const plain = doctor(
      'ld.dtlto',
      '-shared',
      'plain.o',
      '-o',
      'plain.so',
      '-Map',
      'plain.map',
      `--distribute=${WORKER}`,
    )
    assert.match(plain.stdout, /WARN +no ThinLTO modules among its inputs.*\n +to do: compile with -flto=thin/)
    assert.ok(!existsSync(join(cwd, 'plain.so')) && !existsSync(join(cwd, 'plain.map')))
    const cache = ['--thinlto-cache-dir=cache', `--distribute=${WORKER}`]
    must(join(DTLTO_BIN, 'ld.dtlto'), ['-shared', ...objects, '-o', 'out', ...cache], { cwd })
    assert.match(linker(...cache).stdout, /ok +all 9 ThinLTO modules are in lld's cache: nothing to distribute/)
  })

  test('looks at all links of a build', () => {
    const lines = ['one two:', `\t+${CLANG} -fuse-ld=dtlto -flto=thin -shared ${objects.join(' ')} -o $@`]
    writeFileSync(join(cwd, 'Makefile'), `all: one two\n${lines.join('\n')}\n`)
    const { stdout } = doctor('make', '-k', 'all')
    for (const name of ['one', 'two']) assert.match(stdout, new RegExp(`the link of '${name}'`))
    assert.equal(stdout.match(/9 ThinLTO modules/g)?.length, 2)
  })

  test('says what kept a command from linking', () => {
    for (const [command, text] of [
      [['true'], /'true' has come to no link by dtlto\n +to do: the command must start ld\.dtlto/],
      [[CLANG, '-c', 'missing.c'], /has come to no link by dtlto\n.*no such file or directory: 'missing\.c'/],
      [['/nonexistent'], /'\/nonexistent' cannot be started/],
      [[], /--link: expected a command that links/],
      [['ld.dtlto', 'missing.o'], /lld does not get as far as ThinLTO\n +ld\.lld: error: cannot open missing\.o/],
      [['ld.dtlto', 'x.o', '--distribute-fallbak=none'], /unknown option '--distribute-fallbak'/],
    ] as const) {
      const { exitCode, stdout } = doctor(...command)
      assert.equal(exitCode, 1)
      assert.match(stdout, text)
    }
  })
})
