/**
 * A fresh Debian with nothing but what its package manager needs, as a directory in build/: made once by debootstrap, from the mirror that
 * this machine's apt uses. Programs run in it as an ordinary user, with a /proc of their own, and end with the program that was started.
 */
import {
  appendFileSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { must, type Ran, run } from '../link/toolchain.js'

const CHROOTS = fileURLToPath(new URL('../../build/chroots/', import.meta.url))
const USER = 1000
/** Of packages that are fetched over a network and installed. */
const TIMEOUT_MS = 1_200_000
const SUITE_WANTED = /^(https?:\S*\/debian\/?) /m

export interface FreshDebian {
  /** A new directory of the user's, as it is called inside; `outside` gives the place of a file in it. */
  readonly home: string
  outside(path: string): string
  run(program: string, args: readonly string[], env?: Readonly<Record<string, string>>): Ran
  close(): void
}

/** One of its own, to install packages in: a copy, which goes when it is closed. */
export interface OwnDebian extends FreshDebian {
  /** The directory that is its root. */
  readonly root: string
  /** Runs as root, with the network: a shell's lines, in `home`. */
  asRoot(script: string, env?: Readonly<Record<string, string>>): Ran
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
  return usersOf(bootstrapped(suite))
}

export function ownDebian(suite: string): OwnDebian {
  const from = bootstrapped(suite)
  const root = mkdtempSync(join(CHROOTS, `own-${suite}-`))
  must('cp', ['-a', '--reflink=auto', `${from}/.`, root], { cwd: '/' })
  const asRoot: OwnDebian['asRoot'] = (script, env = {}) =>
    runIn(root, '0', user.home, 'sh', ['-ec', script], { ...env, DEBIAN_FRONTEND: 'noninteractive' })
  writeSources(suite, root)
  const user = usersOf(root)
  return { ...user, root, asRoot, close: () => rmSync(root, { recursive: true, force: true }) }
}

/** A stable release gets packages from its security archive, too: some of LLVM's are nowhere else. */
function writeSources(suite: string, root: string): void {
  const from = mirror() ?? ''
  const security = from.replace(/\/debian\/?$/, '/debian-security')
  const lines = [`deb ${from} ${suite} main`]
  if (suite !== 'sid') lines.push(`deb ${security} ${suite}-security main`)
  writeFileSync(join(root, 'etc/apt/sources.list'), `${lines.join('\n')}\n`)
  // Snapshots of sid are older than they say they may be.
  writeFileSync(join(root, 'etc/apt/apt.conf.d/snapshots'), 'Acquire::Check-Valid-Until "false";\n')
  // Nothing here has to outlive a loss of power.
  writeFileSync(join(root, 'etc/dpkg/dpkg.cfg.d/quick'), 'force-unsafe-io\n')
  // The user has to have a name, for programs that ask.
  const name = `user:x:${String(USER)}:${String(USER)}::/home:/bin/sh\n`
  const passwd = join(root, 'etc/passwd')
  if (!readFileSync(passwd, 'utf8').includes(name)) appendFileSync(passwd, name)
}

function bootstrapped(suite: string): string {
  const root = join(CHROOTS, suite)
  if (!existsSync(root)) bootstrap(suite, root)
  return root
}

function usersOf(root: string): FreshDebian {
  const outside = (path: string): string => join(root, path)
  mkdirSync(outside('/home'), { recursive: true })
  const created = mkdtempSync(outside('/home/user-'))
  chownSync(created, USER, USER)
  const home = created.slice(root.length)
  return {
    home,
    outside,
    run: (program, args, env = {}) => runIn(root, String(USER), home, program, args, env),
    close: () => rmSync(created, { recursive: true, force: true }),
  }
}

function runIn(
  root: string,
  user: string,
  home: string,
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Ran {
  const script = 'mount -t proc proc "$1/proc" && root=$1 && shift && exec chroot --userspec=$0:$0 "$root" "$@"'
  const system = user === '0' ? '/usr/local/sbin:/usr/sbin:/sbin:' : ''
  const variables = { HOME: home, PATH: `${system}/usr/local/bin:/usr/bin:/bin`, LC_ALL: 'C', ...env }
  const words = Object.entries(variables).map(([name, value]) => `${name}=${value}`)
  const inside = ['env', '-i', '-C', home, ...words, program, ...args]
  const isolated = ['--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', script, user, root]
  return run('unshare', [...isolated, ...inside], { cwd: '/', timeoutMs: TIMEOUT_MS })
}

/** Takes its name when it is whole: an interrupted one is made again. */
function bootstrap(suite: string, root: string): void {
  const cache = join(CHROOTS, 'cache')
  mkdirSync(cache, { recursive: true })
  const unfinished = `${root}.${String(process.pid)}`
  try {
    const args = ['--variant=minbase', `--cache-dir=${cache}`, suite, unfinished, mirror() ?? '']
    must('sh', ['-c', 'umask 022; exec debootstrap "$@"', 'sh', ...args], { cwd: '/', timeoutMs: TIMEOUT_MS })
    // Another process may have made one meanwhile.
    if (!existsSync(root)) renameSync(unfinished, root)
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
}
