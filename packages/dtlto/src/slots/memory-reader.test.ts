import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { parseMemory } from './memory-option.js'
import { anonymousBytes, memoryReader } from './memory-reader.js'

const MIB = 1024 ** 2

function withFiles(files: Readonly<Record<string, string>>, use: (root: string) => void): void {
  const root = mkdtempSync(join(tmpdir(), 'dtlto-memory-'))
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(root, dirname(path)), { recursive: true })
      writeFileSync(join(root, path), text)
    }
    use(root)
  } finally {
    rmSync(root, { recursive: true })
  }
}

const MEMINFO = {
  'proc/meminfo': 'MemTotal:       8388608 kB\nMemFree:        1048576 kB\nMemAvailable:   4194304 kB\n',
}

function availableMib(files: Readonly<Record<string, string>>): number {
  let found = Number.NaN
  withFiles({ ...MEMINFO, ...files }, (root) => {
    found = memoryReader(root).availableBytes() / MIB
  })
  return found
}

describe('the memory reader', () => {
  it('takes what Linux calls available', () => {
    assert.equal(availableMib({}), 4096)
  })

  it('knows nothing where nothing is told', () => {
    withFiles({}, (root) => assert.equal(memoryReader(root).availableBytes(), Infinity))
  })

  it('counts what the kernel has killed, on the machine and in control groups of both versions', () => {
    const kills = (files: Readonly<Record<string, string>>): number => {
      let found = Number.NaN
      withFiles(files, (root) => {
        found = memoryReader(root).kills()
      })
      return found
    }
    const vmstat = { 'proc/vmstat': 'nr_free_pages 5\noom_kill 2\n' }
    assert.equal(kills({}), 0)
    assert.equal(kills(vmstat), 2)
    const group = 'sys/fs/cgroup'
    assert.equal(
      kills({
        ...vmstat,
        'proc/self/cgroup': '0::/one\n',
        [`${group}/cgroup.controllers`]: 'memory\n',
        [`${group}/one/memory.current`]: '1\n',
        [`${group}/one/memory.events`]: 'low 0\noom 9\noom_kill 3\n',
      }),
      5,
    )
    assert.equal(
      kills({
        'proc/self/cgroup': '4:memory:/one\n',
        [`${group}/memory/one/memory.usage_in_bytes`]: '1\n',
        [`${group}/memory/one/memory.oom_control`]: 'oom_kill_disable 0\nunder_oom 0\noom_kill 4\n',
      }),
      4,
    )
  })

  it('takes what the narrowest control group of version 2 leaves, files apart', () => {
    const group = 'sys/fs/cgroup'
    const files = {
      'proc/self/cgroup': '0::/outer/inner\n',
      [`${group}/cgroup.controllers`]: 'memory\n',
      [`${group}/outer/memory.max`]: `${String(1000 * MIB)}\n`,
      [`${group}/outer/memory.high`]: 'max\n',
      [`${group}/outer/memory.current`]: `${String(700 * MIB)}\n`,
      [`${group}/outer/memory.stat`]: `anon 1\ninactive_file ${String(100 * MIB)}\nactive_file ${String(50 * MIB)}\n`,
      [`${group}/outer/inner/memory.max`]: 'max\n',
      [`${group}/outer/inner/memory.high`]: `${String(2000 * MIB)}\n`,
      [`${group}/outer/inner/memory.current`]: `${String(500 * MIB)}\n`,
      [`${group}/outer/inner/memory.stat`]: 'inactive_file 0\nactive_file 0\n',
    }
    assert.equal(availableMib(files), 1000 - (700 - 150))
  })

  it('takes what a control group of version 1 leaves, also where its path begins above the mount', () => {
    const group = 'sys/fs/cgroup/memory'
    const files = {
      'proc/self/cgroup': '4:cpu,cpuacct:/x\n3:memory:/docker/0123\n0::/\n',
      [`${group}/memory.limit_in_bytes`]: `${String(300 * MIB)}\n`,
      [`${group}/memory.usage_in_bytes`]: `${String(250 * MIB)}\n`,
      [`${group}/memory.stat`]: `total_inactive_file ${String(30 * MIB)}\ntotal_active_file 0\n`,
    }
    assert.equal(availableMib(files), 80)
    assert.equal(availableMib({ ...files, [`${group}/memory.limit_in_bytes`]: '9223372036854771712\n' }), 4096)
  })

  it('is never below nothing', () => {
    const group = 'sys/fs/cgroup'
    const files = {
      'proc/self/cgroup': '0::/\n',
      [`${group}/cgroup.controllers`]: 'memory\n',
      [`${group}/memory.max`]: '1000\n',
      [`${group}/memory.current`]: '5000\n',
    }
    assert.equal(availableMib(files), 0)
  })

  it('reads this machine', () => {
    assert.ok(memoryReader().availableBytes() > 0)
    assert.ok(anonymousBytes(process.pid) > MIB)
    assert.equal(anonymousBytes(2 ** 30), 0)
  })
})

describe('the option memory', () => {
  it('takes words and sizes', () => {
    assert.equal(parseMemory('auto'), 'auto')
    assert.equal(parseMemory('off'), 'off')
    assert.deepEqual(parseMemory('8G'), { bytes: 8 * 1024 ** 3 })
    assert.deepEqual(parseMemory('1.5GiB'), { bytes: 1.5 * 1024 ** 3 })
    assert.deepEqual(parseMemory('500m'), { bytes: 500 * MIB })
    for (const wrong of ['', '0', '8X', '-1G', 'lots', '8 G']) assert.equal(parseMemory(wrong), undefined, wrong)
  })
})
