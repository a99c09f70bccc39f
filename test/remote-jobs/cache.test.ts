/** Whose objects later links find in lld's ThinLTO cache. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { inTemporaryDirectory } from '../link/toolchain.js'
import { coffX64, mingwX64, type Target, x86_64 } from '../parity/targets.js'
import { compileFor, link, own } from './small-links.js'

const WORKER = fileURLToPath(new URL('clang-worker.js', import.meta.url))
const MODULES = 3

const CACHE: Partial<Record<Target['flavour'], string>> = {
  elf: '--thinlto-cache-dir=cache',
  mingw: '--thinlto-cache-dir=cache',
  coff: '/lldltocache:cache',
}

interface Case {
  readonly what: string
  readonly options: readonly string[]
  readonly entries: number
}

const distributed = `distribute=${WORKER}`
const CASES: readonly Case[] = [
  { what: 'none from a distributor without integrity', options: [distributed], entries: 0 },
  { what: 'all from one, if the user wants it', options: [distributed, 'distribute-cache=all'], entries: MODULES },
  { what: 'those from one that were compared', options: [distributed, 'distribute-verify'], entries: MODULES },
  {
    what: 'none that were compared, if the user wants that',
    options: [distributed, 'distribute-verify', 'distribute-cache=none'],
    entries: 0,
  },
  {
    what: 'all from worker processes on this machine',
    options: ['distribute=local,isolate=process'],
    entries: MODULES,
  },
  {
    what: 'all that are compiled in the linker, whatever the setting',
    options: ['distribute-cache=none'],
    entries: MODULES,
  },
]

describe('the cache of a link gets', () => {
  for (const target of [x86_64, coffX64, mingwX64]) {
    for (const { what, options, entries } of CASES) {
      test(`${what} (${target.name})`, () =>
        inTemporaryDirectory((cwd) => {
          const args = [...target.program, CACHE[target.flavour] ?? '', ...compileFor(target, cwd)]
          const stock = link(target, 'stock', cwd, args)
          assert.equal(stock.exitCode, 0, stock.stderr)
          const theirs = entriesOf(cwd)
          assert.equal(theirs.size, MODULES)
          rmSync(join(cwd, 'cache'), { recursive: true })
          // Of worker processes only: what this machine compiles in their place may be kept.
          const all = options.some((option) => option.includes(WORKER))
            ? [...options, 'distribute-fallback=none']
            : options
          const dtlto = link(target, 'dtlto', cwd, [...args, ...all.map((option) => own(target, option))])
          assert.deepEqual([dtlto.exitCode, dtlto.stderr], [0, ''])
          assert.ok(dtlto.bytes?.equals(stock.bytes ?? Buffer.alloc(0)), 'the output differs from that of stock lld')
          const ours = entriesOf(cwd)
          assert.equal(ours.size, entries)
          for (const [name, bytes] of ours) assert.ok(theirs.get(name)?.equals(bytes), name)
        }))
    }
  }
})

function entriesOf(cwd: string): Map<string, Buffer> {
  const directory = join(cwd, 'cache')
  if (!existsSync(directory)) return new Map()
  const names = readdirSync(directory).filter((name) => name.startsWith('llvmcache-'))
  return new Map(names.map((name) => [name, readFileSync(join(directory, name))]))
}
