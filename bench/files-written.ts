/** Which files does a command create? Seen with strace, in a run of its own: tracing slows everything down, least where the kernel picks the calls that strace is told of. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { run } from '../test/programs/run.js'
import type { Command } from './measure.js'

const SYSTEM_CALLS = ['open', 'openat', 'creat', 'mkdir', 'mkdirat', 'link', 'linkat', 'symlink', 'symlinkat']
const RENAMES = ['rename', 'renameat', 'renameat2']

/** Absolute paths of everything that the command and its children created or opened for creation, without `outputs`. */
export async function filesWritten(command: Command, outputs: readonly string[]): Promise<string[]> {
  const temporary = await mkdtemp(join(tmpdir(), 'dtlto-strace-'))
  try {
    // One file per thread (-ff), so that no call is split over two lines.
    const options = [
      '--seccomp-bpf',
      '-ff',
      '-qq',
      '-s',
      '4096',
      '-e',
      `trace=${[...SYSTEM_CALLS, ...RENAMES].join(',')}`,
    ]
    await run('strace', [...options, '-o', join(temporary, 'trace'), ...command.argv], { cwd: command.directory })
    const traces = await Promise.all((await readdir(temporary)).map((name) => readFile(join(temporary, name), 'utf8')))
    return createdFiles(
      traces.flatMap((trace) => trace.split('\n')),
      command.directory,
      outputs,
    )
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}

/** The same, from the lines of strace's output. */
export function createdFiles(lines: readonly string[], directory: string, outputs: readonly string[]): string[] {
  const created = new Set<string>()
  const renames = new Map<string, string>()
  for (const line of lines) {
    const call = /^(\w+)\(/.exec(line)?.[1]
    if (call === undefined || / = -1 E\w+/.test(line)) continue
    const [first, second] = [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, text = '']) =>
      resolve(directory, unescape(text)),
    )
    if (first === undefined) continue
    if (RENAMES.includes(call)) {
      if (second !== undefined) renames.set(first, second)
    } else if (call.includes('link')) created.add(second ?? first)
    else if (!call.startsWith('open') || line.includes('O_CREAT') || line.includes('O_TMPFILE')) created.add(first)
  }
  // lld writes an output under a temporary name beside it and renames it; and before it starts to work, it makes and
  // removes such a file to see whether the output will be writable. Both are the output.
  const isOutput = (path: string) => outputs.includes(renames.get(path) ?? path.replace(/\.tmp[0-9a-f]{7}$/, ''))
  return [...created].filter((path) => !isOutput(path) && !path.startsWith('/dev/')).sort()
}

/** Undoes strace's quoting: C escapes, with bytes in octal. */
function unescape(text: string): string {
  const named: Readonly<Record<string, number>> = { n: 10, t: 9, r: 13, v: 11, f: 12 }
  const bytes = [...text.matchAll(/\\([0-7]{1,3})|\\(.)|([^\\]+)/g)].map(([, octal, escaped, plain]) => {
    if (octal !== undefined) return Buffer.of(Number.parseInt(octal, 8))
    if (escaped !== undefined) return Buffer.of(named[escaped] ?? escaped.charCodeAt(0))
    return Buffer.from(plain ?? '')
  })
  return Buffer.concat(bytes).toString()
}
