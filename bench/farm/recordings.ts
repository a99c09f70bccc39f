/** What jobs of a link came to, once, on this machine: answers and times, to be given again by servers that only sleep. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface Recording {
  /** From the whole request to the whole answer, on the machine that compiled, in milliseconds. */
  readonly compileMs: number
  /** In the form of its wire. */
  readonly answer: Buffer
}

/** The recordings of one program over one wire, in a directory. */
export class Recordings {
  readonly directory: string
  readonly #known = new Map<string, Recording>()

  constructor(directory: string) {
    this.directory = directory
  }

  async get(key: string): Promise<Recording | undefined> {
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const path = join(this.directory, key)
    if (!existsSync(`${path}.json`)) return undefined
    const { compileMs } = JSON.parse(await readFile(`${path}.json`, 'utf8')) as { compileMs: number }
    const recording = { compileMs, answer: await readFile(path) }
    this.#known.set(key, recording)
    return recording
  }

  async put(key: string, recording: Recording): Promise<void> {
    await mkdir(this.directory, { recursive: true })
    const path = join(this.directory, key)
    await writeFile(path, recording.answer)
    // Last: with it the recording is whole.
    await writeFile(`${path}.json`, JSON.stringify({ compileMs: recording.compileMs }))
    this.#known.set(key, recording)
  }

  async isEmpty(): Promise<boolean> {
    return (await this.#names()).length === 0
  }

  /** Of all that are stored, in milliseconds. They are in memory then: no link waits for this machine's disk where a farm should answer. */
  async times(): Promise<readonly number[]> {
    const names = await this.#names()
    return await Promise.all(names.map(async (name) => (await this.get(name))?.compileMs ?? 0))
  }

  async clear(): Promise<void> {
    this.#known.clear()
    await rm(this.directory, { recursive: true, force: true })
  }

  async #names(): Promise<readonly string[]> {
    const files = await readdir(this.directory).catch(() => [])
    return files.filter((file) => file.endsWith('.json')).map((file) => file.slice(0, -'.json'.length))
  }
}

/** A name for what decides about a job's answer. */
export function keyOf(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(`${String(part.length)}\0`).update(part)
  return hash.digest('hex')
}
