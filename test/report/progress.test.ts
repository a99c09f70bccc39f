/** The line of progress on a real terminal: a pseudo-terminal of script(1), whose session has the links. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { codegenProgram } from '@dtlto/native'
import { compile, DTLTO_BIN, SMALL_PROGRAM } from '../link/toolchain.js'
import { tryRun } from '../programs/run.js'

const CLEAR = '\r\x1b[K'
/** Stopped by SIGTTOU, as a shell says it. */
const STOPPED = 128 + 22

describe('the line of progress', () => {
  let cwd = ''
  before(() => {
    cwd = mkdtempSync(join(tmpdir(), 'dtlto-terminal-'))
    compile(cwd, SMALL_PROGRAM)
  })
  after(() => rmSync(cwd, { recursive: true, force: true }))

  /** A link that takes longer than the half second in which nothing is shown: its one worker begins after a second. */
  const link = (output: string, objects = '*.o'): string =>
    `ld.dtlto -shared ${objects} -o ${output} --distribute-fallback=none '--distribute=worker,slots=1,command=sleep 1; exec dtlto-codegen --serve'`

  /** Gives what the terminal was sent. Without job control the shell and its children are one group, the one in the foreground. */
  async function onTerminal(script: string): Promise<string> {
    writeFileSync(join(cwd, 'typed.sh'), script)
    const PATH = [DTLTO_BIN, dirname(codegenProgram()), process.env['PATH'] ?? ''].join(delimiter)
    const { exitCode, stdout } = await tryRun('script', ['-qec', 'bash typed.sh', '/dev/null'], {
      cwd,
      env: { ...process.env, PATH, TERM: 'xterm', MAKEFLAGS: '' },
    })
    assert.equal(exitCode, 0, stdout)
    return stdout
  }

  const totals = (sent: string): readonly string[] =>
    [...sent.matchAll(/\x1b\[KThinLTO \d+\/(\d+)/g)].map(([, total = '']) => total)

  test('is drawn for a link in the foreground, and cleared when the objects are there', async () => {
    const sent = await onTerminal(link('out'))
    assert.ok(sent.startsWith(`${CLEAR}ThinLTO 0/3`), JSON.stringify(sent))
    assert.ok(sent.endsWith(CLEAR), JSON.stringify(sent))
  })

  test('is not drawn for a job in the background, which the terminal would stop for it', async () => {
    const control = 'set -m; stty tostop; echo written >&2 & wait $!; echo code=$?; kill -KILL %1'
    assert.match(await onTerminal(control), new RegExp(`code=${String(STOPPED)}`))
    const sent = await onTerminal(`set -m; stty tostop; ${link('out')} & wait $!; echo code=$?`)
    assert.equal(sent, 'code=0\r\n')
  })

  test('is that of one link at a time when make runs two', async () => {
    writeFileSync(
      join(cwd, 'Makefile'),
      `all: a b\n.PHONY: all a b\na:\n\t@${link('a')}\nb:\n\t@${link('b', 'add.o twice.o')}\n`,
    )
    const sent = await onTerminal('make -j2')
    const drawn = totals(sent)
    assert.ok(drawn.length > 0, JSON.stringify(sent))
    const changes = drawn.filter((total, i) => i > 0 && total !== drawn[i - 1])
    assert.ok(changes.length <= 1, `drawn in turns: ${drawn.join(' ')}`)
  })

  test('is not there with progress off, nor on a terminal that knows no escape sequences', async () => {
    assert.equal(await onTerminal(`DTLTO_PROGRESS=off ${link('out')}`), '')
    assert.equal(await onTerminal(`TERM=dumb ${link('out')}`), '')
  })
})
