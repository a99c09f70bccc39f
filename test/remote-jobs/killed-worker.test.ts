import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { compile, DTLTO, inTemporaryDirectory, must, slowProgram, STOCK } from '../link/toolchain.js'

const WAIT_MS = 120_000

/** The workers of a linker: its children that are dtlto-codegen. */
function workersOf(linker: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        // pid (name) state parent
        const [, name, parent] = /\((.*)\) \S+ (\d+) /s.exec(readFileSync(`/proc/${pid}/stat`, 'latin1')) ?? []
        return name === 'dtlto-codegen' && Number(parent) === linker
      } catch {
        return false
      }
    })
    .map(Number)
}

/** CPU time that a process has used, in clock ticks; 0 of one that has ended, also where nobody takes note of that, as in containers without an init. */
function ticksOf(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${String(pid)}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ')
    return fields[0] === 'Z' ? 0 : Number(fields[11]) + Number(fields[12])
  } catch {
    return 0
  }
}

async function until<T>(probe: () => T | undefined): Promise<T> {
  for (const endMs = performance.now() + WAIT_MS; performance.now() < endMs; ) {
    const found = probe()
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return assert.fail('waited in vain')
}

interface Running {
  readonly linker: ChildProcess
  readonly worker: number
  readonly ended: Promise<Ended>
  readonly cwd: string
}

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stderr: string
}

describe('a link with isolate=process', () => {
  const inputs = mkdtempSync(join(tmpdir(), 'dtlto-killed-'))
  let objects: readonly string[]

  before(() => {
    objects = compile(inputs, slowProgram(1)).map((object) => join(inputs, object))
  })
  after(() => {
    rmSync(inputs, { recursive: true })
  })

  /** Starts the link in an empty directory, and gives it to `use` once a worker compiles in earnest. */
  const whileItCompiles = (use: (link: Running) => Promise<void>): Promise<void> =>
    inTemporaryDirectory(async (cwd) => {
      const args = ['-shared', ...objects, '-o', 'out', '--distribute=local,isolate=process,share=off']
      const linker = spawn(DTLTO, args, { cwd, stdio: ['ignore', 'inherit', 'pipe'] })
      let stderr = ''
      linker.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
      const ended = new Promise<Ended>((resolve) => {
        linker.on('close', (code, signal) => {
          resolve({ code, signal, stderr })
        })
      })
      try {
        const worker = await until(() => {
          assert.equal(linker.exitCode ?? linker.signalCode, null, `the link ended before a worker was seen: ${stderr}`)
          return workersOf(linker.pid ?? 0).find((pid) => ticksOf(pid) > 5)
        })
        await use({ linker, worker, ended, cwd })
      } finally {
        linker.kill('SIGKILL')
        await ended
      }
    })

  test('survives a worker that is killed in the middle of a job, with the same bytes', () =>
    whileItCompiles(async ({ worker, ended, cwd }) => {
      process.kill(worker, 'SIGKILL')
      const { code, signal, stderr } = await ended
      assert.deepEqual([code, signal], [0, null], stderr)
      assert.doesNotMatch(stderr, /error/)
      must(STOCK, ['-shared', ...objects, '-o', 'stock'], { cwd })
      must('cmp', ['out', 'stock'], { cwd })
    }))

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    test(`takes its workers with it when it is ended by ${signal}, and leaves no file`, () =>
      whileItCompiles(async ({ linker, worker, ended, cwd }) => {
        linker.kill(signal)
        await ended
        await until(() => (ticksOf(worker) === 0 ? true : undefined))
        // lld writes the output under a name beside it; after SIGKILL that may stay, as with stock lld.
        assert.deepEqual(
          readdirSync(cwd).filter((name) => !name.startsWith('out')),
          [],
        )
      }))
  }
})
