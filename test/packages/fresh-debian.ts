/**
 * A fresh Debian with nothing but what its package manager needs, as a directory in build/: made once by debootstrap, from the mirror that
 * this machine's apt uses. Programs run in it as an ordinary user, with a /proc of their own, and end with the program that was started.
 */
import { existsSync, mkdirSync, mkdtempSync, chownSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { must, type Ran, run } from '../link/toolchain.js'

const CHROOTS = fileURLToPath(new URL('../../build/chroots/', import.meta.url))
const USER = 1000
const SUITE_WANTED = /^(https?:\S*\/debian\/?) /m

export interface FreshDebian {
  /** A new directory of the user's, as it is called inside; `outside` gives the place of a file in it. */
  readonly home: string
  outside(path: string): string
  run(program: string, args: readonly string[], env?: Readonly<Record<string, string>>): Ran
  close(): void
}

/** A reason, where there can be none. */
export function whyNoFreshDebian(): string | undefined {
  if (process.getuid?.() !== 0) return 'another root directory takes root'
  const { exitCode } = run('sh', ['-c', 'command -v debootstrap && command -v unshare'], { cwd: '/' })
  if (exitCode !== 0) return 'there is no debootstrap'
  const { exitCode: refused } = run('unshare', ['--mount', '--pid', '--fork', 'true'], { cwd: '/' })
  if (refused !== 0) return 'this machine grants no namespaces'
  return mirror() === undefined ? "apt's sources name no mirror of Debian" : undefined
}

function mirror(): string | undefined {
  const { stdout } = run('apt-get', ['indextargets', '--format', '$(SITE) $(RELEASE)'], { cwd: '/' })
  return SUITE_WANTED.exec(stdout)?.[1]
}

/** `suite`: Debian's name of a release. */
export function freshDebian(suite: string): FreshDebian {
  const root = join(CHROOTS, suite)
  if (!existsSync(root)) bootstrap(suite, root)
  const outside = (path: string): string => join(root, path)
  mkdirSync(outside('/home'), { recursive: true })
  const created = mkdtempSync(outside('/home/user-'))
  chownSync(created, USER, USER)
  const home = created.slice(root.length)
  const script = 'mount -t proc proc "$1/proc" && root=$1 && shift && exec chroot --userspec=$0:$0 "$root" "$@"'
  return {
    home,
    outside,
    run: (program, args, env = {}) => {
      const variables = { HOME: home, PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', ...env }
      const words = Object.entries(variables).map(([name, value]) => `${name}=${value}`)
      const inside = ['env', '-i', '-C', home, ...words, program, ...args]
      const isolated = ['--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', script, String(USER), root]
      return run('unshare', [...isolated, ...inside], { cwd: '/' })
    },
    close: () => rmSync(created, { recursive: true, force: true }),
  }
}

/** Takes its name when it is whole: an interrupted one is made again. */
function bootstrap(suite: string, root: string): void {
  const cache = join(CHROOTS, 'cache')
  mkdirSync(cache, { recursive: true })
  const unfinished = `${root}.${String(process.pid)}`
  try {
    const args = ['--variant=minbase', `--cache-dir=${cache}`, suite, unfinished, mirror() ?? '']
    must('sh', ['-c', 'umask 022; exec debootstrap "$@"', 'sh', ...args], { cwd: '/' })
    renameSync(unfinished, root)
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
}
