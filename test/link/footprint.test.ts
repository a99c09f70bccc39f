import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, after, describe, test } from 'node:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { compile, DTLTO, must, slowProgram } from './toolchain.js'

describe('a link leaves no trace', () => {
  let cwd = ''
  let objects: string[] = []
  before(() => {
    cwd = mkdtempSync(join(tmpdir(), 'dtlto '))
    objects = compile(cwd, slowProgram(12))
  })
  after(() => {
    rmSync(cwd, { recursive: true })
  })

  const filesNow = (): string[] => readdirSync(cwd).sort()

  test('but its output: no other file is created, not even for a moment', () => {
    const known = filesNow()
    const trace = join(cwd, 'trace')
    must(
      'strace',
      [
        '-f',
        '-qq',
        '-e',
        'trace=/^(open|openat|openat2|creat|mkdir|mkdirat|link|linkat|symlink|symlinkat|mknod|mknodat|rename|renameat2?)$',
        '-o',
        trace,
        DTLTO,
        '--distribute=local',
        '-o',
        'out',
        '-e',
        'main',
        ...objects,
      ],
      { cwd },
    ) // prettier-ignore
    const created = readFileSync(trace, 'utf8')
      .split('\n')
      .filter((line) => !/ = -1 /.test(line) && (/O_CREAT|O_TMPFILE/.test(line) || !/ open(at2?)?\(/.test(line)))
      .flatMap((line) => /"([^"]*)"/.exec(line)?.[1] ?? [])
      .filter((path) => path !== '/dev/null' && path !== '/dev/tty')
    // lld writes its output beside it and renames it.
    assert.deepEqual(
      created.filter((path) => !/^out(\.tmp[0-9a-f]+)?$/.test(path)),
      [],
    )
    assert.ok(created.length > 0, 'the trace shows the output')
    assert.deepEqual(filesNow(), [...known, 'out', 'trace'].sort())
    rmSync(trace)
    rmSync(join(cwd, 'out'))
  })

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL'] as const) {
    test(`when ${signal} ends it in the middle of the backends`, async () => {
      const known = filesNow()
      const link = spawn(DTLTO, ['--distribute=local', '-o', 'out', '-e', 'main', ...objects], { cwd, stdio: 'ignore' })
      const ended = new Promise<NodeJS.Signals | null>((resolve) => {
        link.on('exit', (_, by) => {
          resolve(by)
        })
      })
      await threadsCompile(link.pid ?? 0)
      link.kill(signal)
      assert.equal(await ended, signal)
      assert.deepEqual(filesNow(), known)
    })
  }
})

/** Resolves when the process has native threads that have worked for a while: the backends are running. */
async function threadsCompile(pid: number): Promise<void> {
  const deadline = Date.now() + 20_000
  while (Date.now() < deadline) {
    const busy = readdirSync(`/proc/${String(pid)}/task`).filter(
      (task) => task !== String(pid) && userTicks(pid, task) >= 10,
    )
    if (busy.length >= 2) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error('no backend has started')
}

/** The processor time of a thread in ticks of 10 ms; 0 if it has ended since it was listed. */
function userTicks(pid: number, task: string): number {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/task/${task}/stat`, 'utf8')
    return Number(stat.split(') ')[1]?.split(' ')[11])
  } catch {
    return 0
  }
}
