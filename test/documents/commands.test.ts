/**
 * Every command of README.md and docs/ is typed: here, in the order of the document, or by whom the remark before it names. What cannot be typed says so, and why
 * (shell-blocks.ts). Machines of the examples are servers on this one; nothing may fall back to the linker's own process.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { after, describe, test } from 'node:test'
import { codegenProgram } from '@dtlto/native'
import { Distccd, whyNoDistccd } from '../../packages/distributor-distcc/src/testing/distccd.js'
import { Casd, whyNoCasd } from '../../packages/distributor-reapi/src/testing/casd.js'
import { SshUser, whyNoSshd } from '../../packages/distributor-ssh/src/testing/sshd.js'
import { ROOT } from '../../scripts/root.mjs'
import { compile, DTLTO_BIN, LLVM_BIN, LLVM_MAJOR, must, SMALL_PROGRAM } from '../link/toolchain.js'
import { tryRun } from '../programs/run.js'
import { documents, type ShellBlock, shellBlocks } from './shell-blocks.js'

const SAME_AS = /^as in (\S+)$/
const NOT_TYPED = /^not typed: \S/
/** Names of machines in examples. */
const MACHINES = ['build1', 'build2', 'farm', 'otherfarm']

const PROGRAMS = [DTLTO_BIN, dirname(codegenProgram()), LLVM_BIN]

const all = documents().flatMap((file) => shellBlocks(file))
const typedHere = all.filter(({ remark }) => remark === undefined)

const at = ({ file, line }: ShellBlock): string => `${file}:${String(line)}`

test('the remark before a block of commands names a file that types it, a document that has it, or why nobody can', () => {
  assert.ok(all.length > 40, String(all.length))
  for (const block of all) {
    const { remark } = block
    if (remark === undefined || NOT_TYPED.test(remark)) continue
    const [, other] = SAME_AS.exec(remark) ?? []
    if (other !== undefined) assertStandsIn(block, other)
    else assertNamedBy(block, remark)
  }
})

/** Without the remarks at the ends of lines. */
const commands = (text: string): readonly string[] =>
  text.split('\n').flatMap((line) => line.replace(/(?:^|\s+)# .*$/, '') || [])

function assertStandsIn(block: ShellBlock, other: string): void {
  const there = shellBlocks(other).flatMap(({ text }) => commands(text))
  for (const command of commands(block.text))
    assert.ok(there.includes(command), `${at(block)}: '${command}' stands in no block of ${other}`)
}

/** The file takes commands out of the document's section; it says by name which. */
function assertNamedBy(block: ShellBlock, path: string): void {
  assert.ok(existsSync(join(ROOT, path)), `${at(block)}: there is no file '${path}'`)
  const source = readFileSync(join(ROOT, path), 'utf8')
  for (const name of [block.file, block.heading])
    assert.ok(source.includes(`'${name}'`), `${at(block)}: ${path} does not name '${name}'`)
}

/** Where they are typed: a user's home, whose machines are those of the examples. */
class Desk {
  readonly home = mkdtempSync(join(tmpdir(), 'dtlto-commands-'))
  readonly #closing: (() => Promise<void>)[] = []
  readonly #replaced = new Map<string | RegExp, string>([
    ['-22', `-${LLVM_MAJOR}`],
    ['DTLTO/include', join(ROOT, 'packages/native/include')],
    ['/path/to/linkers', this.#directory('linkers')],
    ['/some/directory', this.#directory('some')],
  ])
  #env: Record<string, string> = {}

  async startSsh(): Promise<void> {
    const user = new SshUser()
    this.#closing.push(() => user.remove())
    for (const name of ['build1', 'build2']) await user.machine(name)
    this.#env = { ...this.#env, ...user.env }
    // Nobody has brought it to PATH there.
    this.#replaced.set('remote-shell/index.js,', `remote-shell/index.js,codegen=${codegenProgram()},`)
  }

  async startDistcc(): Promise<void> {
    const servers = [await Distccd.start(), await Distccd.start()]
    this.#closing.push(...servers.map((server) => () => server.stop()))
    for (const [i, name] of MACHINES.entries())
      this.#replaced.set(new RegExp(`\\b${name}(?=/)`, 'g'), servers[i % 2]?.address ?? '')
    this.#env = { ...this.#env, DISTCC_HOSTS: servers[0]?.address ?? '' }
  }

  async startEngine(): Promise<void> {
    const engine = await Casd.start({ root: 'empty' })
    this.#closing.push(() => engine.stop())
    this.#replaced.set(/grpc:\/\/(engine|cache):\d+/g, engine.address)
  }

  /** One shell for all blocks of a document, since what one exports holds in the next. */
  async type(file: string, blocks: readonly ShellBlock[]): Promise<void> {
    const cwd = this.#directory(file.replaceAll('/', '-'))
    this.#prepare(cwd, file)
    const script = blocks.map((block) => `: '${at(block)}'\n${this.#here(block.text)}`).join('')
    const { exitCode, stdout, stderr } = await tryRun('bash', ['-xeuo', 'pipefail', '-c', script], {
      cwd,
      env: {
        ...process.env,
        HOME: this.home,
        XDG_STATE_HOME: join(this.home, 'state'),
        DTLTO_FALLBACK: 'none',
        ...this.#env,
        PATH: [...PROGRAMS, this.#env['PATH'] ?? process.env['PATH'] ?? ''].join(delimiter),
      },
    })
    assert.equal(exitCode, 0, `${stdout}\n${stderr}`)
  }

  async close(): Promise<void> {
    for (const close of this.#closing) await close()
    rmSync(this.home, { recursive: true, force: true })
  }

  /** A program of three modules and an archive, its Makefile, and the checkout's examples. */
  #prepare(cwd: string, file: string): void {
    compile(cwd, SMALL_PROGRAM)
    compile(cwd, { 'foo.c': 'int foo(void) { return 1; }\n' })
    must(`llvm-ar-${LLVM_MAJOR}`, ['rc', 'libfoo.a', 'foo.o'], { cwd })
    for (const name of ['foo.c', 'foo.o']) rmSync(join(cwd, name))
    writeFileSync(join(cwd, 'Makefile'), 'app: $(wildcard *.o)\n\tclang -flto=thin -fuse-ld=dtlto $^ -o $@\n')
    symlinkSync(join(ROOT, 'examples'), join(cwd, 'examples'))
    if (file === 'docs/c-plugins.md') symlinkSync(join(ROOT, 'examples/c-plugin/threads.c'), join(cwd, 'threads.c'))
  }

  #here(text: string): string {
    return [...this.#replaced].reduce((done, [name, value]) => done.replaceAll(name, value), text)
  }

  #directory(name: string): string {
    const directory = join(this.home, name)
    mkdirSync(directory)
    return directory
  }
}

describe('the commands can be typed that stand in', () => {
  const desks: Desk[] = []
  after(async () => {
    for (const desk of desks) await desk.close()
  })

  for (const file of new Set(typedHere.map((block) => block.file))) {
    const blocks = typedHere.filter((block) => block.file === file)
    const named = (what: RegExp): boolean => blocks.some(({ text }) => what.test(text))
    test(file, async (context) => {
      const needs = { ssh: named(/ssh|remote-shell/), distcc: named(/distcc/i), engine: named(/reapi/) }
      const why =
        (needs.ssh ? whyNoSshd() : undefined) ??
        (needs.distcc ? whyNoDistccd() : undefined) ??
        (needs.engine ? await whyNoCasd() : undefined)
      if (why !== undefined) return context.skip(why)
      const desk = new Desk()
      desks.push(desk)
      if (needs.ssh) await desk.startSsh()
      if (needs.distcc) await desk.startDistcc()
      if (needs.engine) await desk.startEngine()
      await desk.type(file, blocks)
    })
  }
})
