/** A control group that limits the memory of what runs in it. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

interface Layout {
  readonly root: string
  readonly limit: string
  readonly peak: string
  readonly members: string
}

const VERSION_1: Layout = {
  root: '/sys/fs/cgroup/memory',
  limit: 'memory.limit_in_bytes',
  peak: 'memory.max_usage_in_bytes',
  members: 'tasks',
}
const VERSION_2: Layout = {
  root: '/sys/fs/cgroup',
  limit: 'memory.max',
  peak: 'memory.peak',
  members: 'cgroup.procs',
}

export interface GroupRun {
  /** 'SIGKILL' for what the kernel ended. */
  readonly end: number | NodeJS.Signals
  readonly stderr: string
  /** Of all that ran in the group at a time. */
  readonly peakBytes: number
}

export class MemoryGroup {
  readonly #layout: Layout
  #count = 0

  private constructor(layout: Layout) {
    this.#layout = layout
  }

  /** Why there can be none here, or one. */
  static open(): MemoryGroup | string {
    const layout = existsSync(join(VERSION_1.root, VERSION_1.limit)) ? VERSION_1 : VERSION_2
    const group = new MemoryGroup(layout)
    let directory: string | undefined
    try {
      directory = group.#make()
      writeFileSync(join(directory, layout.limit), String(1024 ** 3))
      return existsSync(join(directory, layout.peak)) ? group : 'this kernel does not say what a group has used'
    } catch (error) {
      return `no control group can be made here: ${error instanceof Error ? error.message : String(error)}`
    } finally {
      if (directory !== undefined) rmdirSync(directory)
    }
  }

  /** Runs commands at the same time in a group with this limit. */
  async run(limitBytes: number, commands: readonly (readonly string[])[], cwd: string): Promise<readonly GroupRun[]> {
    const directory = this.#make()
    try {
      writeFileSync(join(directory, this.#layout.limit), String(Math.floor(limitBytes)))
      const swap = join(directory, 'memory.swap.max')
      if (existsSync(swap)) writeFileSync(swap, '0')
      const members = join(directory, this.#layout.members)
      const ends = await Promise.all(
        commands.map(async (command) => {
          const argv = ['-c', 'echo $$ > "$0" && exec "$@"', members, ...command]
          const child = spawn('/bin/sh', argv, { cwd, stdio: ['ignore', 'ignore', 'pipe'] })
          let stderr = ''
          child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
          const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
          return { end: signal ?? code ?? 0, stderr }
        }),
      )
      const peakBytes = Number(readFileSync(join(directory, this.#layout.peak), 'utf8'))
      return ends.map((each) => ({ ...each, peakBytes }))
    } finally {
      // Workers end after the linker that they wait for.
      while (readFileSync(join(directory, this.#layout.members), 'utf8').trim() !== '') await sleep(20)
      rmdirSync(directory)
    }
  }

  #make(): string {
    const directory = join(this.#layout.root, `dtlto-test-${String(process.pid)}-${String(this.#count++)}`)
    mkdirSync(directory)
    return directory
  }
}
