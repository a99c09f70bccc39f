/**
 * How much memory is left: what Linux calls available, and what each control group above this process leaves. A group's limit is what kills, and it is reached by
 * memory that its processes use, whatever the pressure (of anonymous memory there is no sign before the kill). Pages of files that are only read do not count: the
 * kernel takes them away first.
 *
 * Formats: proc_meminfo(5), and the kernel's cgroup-v2.rst and cgroup-v1/memory.rst.
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

export interface MemoryReader {
  /** Bytes that processes here may still take; Infinity where nothing is known. */
  availableBytes(): number
  /** How many processes the kernel has killed for want of memory, so far, wherever this one is counted: only differences mean something. */
  kills(): number
}

interface Group {
  readonly limits: readonly string[]
  readonly usage: string
  readonly stat: string
  /** Keys in `stat` of what the kernel can take away. */
  readonly reclaimable: readonly string[]
  /** Counts `oom_kill`. */
  readonly events: string
}

/** `root`: of the files; another one for tests. */
export function memoryReader(root = '/'): MemoryReader {
  const groups = findGroups(root)
  return {
    availableBytes: () => Math.min(available(root), ...groups.map(left)),
    kills: () =>
      [join(root, 'proc/vmstat'), ...groups.map(({ events }) => events)].reduce(
        (sum, file) => sum + keyed(file, 'oom_kill'),
        0,
      ),
  }
}

/** Anonymous memory of a process: what nothing but its end gives back. 0 if it has ended. */
export function anonymousBytes(pid: number, root = '/'): number {
  return keyed(join(root, 'proc', String(pid), 'status'), 'RssAnon') * 1024
}

function available(root: string): number {
  const kib = keyed(join(root, 'proc/meminfo'), 'MemAvailable')
  return kib > 0 ? kib * 1024 : Infinity
}

function left({ limits, usage, stat, reclaimable }: Group): number {
  const limit = Math.min(...limits.map(limitIn))
  if (limit === Infinity) return Infinity
  const used = Number(read(usage))
  if (!(used >= 0)) return Infinity
  const files = reclaimable.reduce((sum, key) => sum + keyed(stat, key), 0)
  return Math.max(0, limit - Math.max(0, used - files))
}

function findGroups(root: string): Group[] {
  const lines = read(join(root, 'proc/self/cgroup')).split('\n')
  const groups: Group[] = []
  for (const line of lines) {
    const [, controllers = '', path = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
    if (controllers === '') {
      const mount = ['sys/fs/cgroup', 'sys/fs/cgroup/unified']
        .map((each) => join(root, each))
        .find((each) => existsSync(join(each, 'cgroup.controllers')))
      if (mount !== undefined) for (const directory of upFrom(mount, path)) groups.push(version2(directory))
    } else if (controllers.split(',').includes('memory')) {
      const mount = join(root, 'sys/fs/cgroup/memory')
      for (const directory of upFrom(mount, path)) groups.push(version1(directory))
    }
  }
  return groups.filter(({ usage }) => existsSync(usage))
}

/** The group and those above it. In a container a path may begin above the mount, which then is the group itself. */
function upFrom(mount: string, path: string): string[] {
  const found: string[] = []
  for (let at = join('/', path); ; at = dirname(at)) {
    found.push(join(mount, at))
    if (at === '/') return found
  }
}

function version2(directory: string): Group {
  return {
    limits: [join(directory, 'memory.max'), join(directory, 'memory.high')],
    usage: join(directory, 'memory.current'),
    stat: join(directory, 'memory.stat'),
    reclaimable: ['inactive_file', 'active_file'],
    events: join(directory, 'memory.events'),
  }
}

function version1(directory: string): Group {
  return {
    limits: [join(directory, 'memory.limit_in_bytes')],
    usage: join(directory, 'memory.usage_in_bytes'),
    stat: join(directory, 'memory.stat'),
    reclaimable: ['total_inactive_file', 'total_active_file'],
    events: join(directory, 'memory.oom_control'),
  }
}

/** Version 1 writes a number near 2^63 where there is no limit. */
function limitIn(path: string): number {
  const text = read(path).trim()
  const bytes = text === '' || text === 'max' ? Infinity : Number(text)
  return bytes < 2 ** 60 ? bytes : Infinity
}

/** The number behind `key` in lines `key number` or `key: number kB`; 0 if it is not there. */
function keyed(path: string, key: string): number {
  return Number(new RegExp(`^${key}:?\\s+(\\d+)`, 'm').exec(read(path))?.[1] ?? 0)
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
