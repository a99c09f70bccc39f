/** The real programs that tests, demo and benches link: how each is compiled, and how to see that the result works. */
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildWithNinja } from './build-with-ninja.js'
import { pingRedis } from './ping-redis.js'
import { run } from './run.js'
import { LLVM_MAJOR } from '../link/toolchain.js'

export type ProgramName = 'redis' | 'git' | 'ninja' | 'ffmpeg'

export interface Recipe {
  /** The name of the source package. */
  readonly source: string
  /** Directory to link in, relative to the source. */
  readonly directory: string
  /** Command that is run in `directory` before anything is made. */
  readonly configure?: readonly string[]
  /** The make target that is linked, also the file's name. */
  readonly target: string
  /** Arguments of `make` in `directory`, without the target; they select ThinLTO and `-fuse-ld=dtlto`. */
  readonly make: readonly string[]
  /** Rejects unless `executable` does its job. */
  readonly check: (executable: string) => Promise<void>
}

/** Modules of ninja without its optional ones. Its own build needs ninja and says no more than this list: make's own rules do. */
const NINJA_MODULES =
  `build build_log clean clparser debug_flags depfile_parser deps_log disk_interface dyndep dyndep_parser edit_distance eval_env
graph graphviz json lexer line_printer manifest_parser metrics missing_deps ninja parser state status string_piece_util
subprocess-posix util version`.split(/\s+/)

const TOOLS = [`CC=clang-${LLVM_MAJOR}`, `AR=llvm-ar-${LLVM_MAJOR}`, `RANLIB=llvm-ranlib-${LLVM_MAJOR}`]

export const RECIPES: Readonly<Record<ProgramName, Recipe>> = {
  redis: {
    source: 'redis',
    directory: 'src',
    target: 'redis-server',
    make: [
      ...TOOLS,
      'MALLOC=libc',
      'OPTIMIZATION=-O2',
      'DEBUG=-g',
      'CFLAGS=-flto=thin -g',
      'LDFLAGS=-flto=thin -O2 -fuse-ld=dtlto',
    ],
    check: pingRedis,
  },
  git: {
    source: 'git',
    directory: '.',
    target: 'git',
    make: [
      ...TOOLS,
      'CFLAGS=-O2 -g -flto=thin',
      'LDFLAGS=-fuse-ld=dtlto',
      // zlib stays the only library needed.
      ...['OPENSSL', 'CURL', 'EXPAT', 'PERL', 'PYTHON', 'TCLTK', 'GETTEXT', 'ICONV'].map((name) => `NO_${name}=1`),
      // Otherwise the home directory is compiled in.
      'prefix=/usr/local',
    ],
    check: commitWithGit,
  },
  ninja: {
    source: 'ninja-build',
    directory: 'src',
    target: 'ninja',
    make: [
      // make links with CC.
      `CC=clang++-${LLVM_MAJOR}`,
      `CXX=clang++-${LLVM_MAJOR}`,
      'CXXFLAGS=-std=c++11 -O2 -g -flto=thin',
      'LDFLAGS=-O2 -flto=thin -fuse-ld=dtlto',
      `--eval=ninja: ${NINJA_MODULES.map((name) => `${name}.o`).join(' ')}`,
    ],
    check: buildWithNinja,
  },
  // The big one: above 1,600 modules, most of them small, and none of them needs a library. It takes ten minutes to compile.
  ffmpeg: {
    source: 'ffmpeg',
    directory: '.',
    configure: [
      './configure',
      `--cc=clang-${LLVM_MAJOR}`,
      `--ar=llvm-ar-${LLVM_MAJOR}`,
      `--ranlib=llvm-ranlib-${LLVM_MAJOR}`,
      `--nm=llvm-nm-${LLVM_MAJOR}`,
      '--disable-autodetect',
      // Some of it names symbols in ways that a position-independent executable cannot have.
      '--disable-asm',
      '--disable-doc',
    ],
    target: 'ffmpeg_g',
    make: [`CC=clang-${LLVM_MAJOR} -flto=thin`, `LD=clang-${LLVM_MAJOR} -O2 -flto=thin -fuse-ld=dtlto`],
    check: encodeWithFfmpeg,
  },
}

/** Encodes a second of its own test picture, and decodes it again. */
async function encodeWithFfmpeg(executable: string): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'dtlto-ffmpeg-'))
  try {
    const video = join(directory, 'test.mkv')
    const quiet = ['-nostdin', '-loglevel', 'error']
    await run(executable, [
      ...quiet,
      '-f',
      'lavfi',
      '-i',
      'testsrc=duration=1:rate=10:size=64x64',
      '-c:v',
      'ffv1',
      video,
    ])
    const frames = await run(executable, [...quiet, '-i', video, '-f', 'framemd5', '-'])
    const count = frames.split('\n').filter((line) => /^0,/.test(line)).length
    if (count !== 10) throw new Error(`expected 10 frames but ffmpeg decoded ${count}:\n${frames}`)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function commitWithGit(executable: string): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'dtlto-git-'))
  try {
    // `git commit` starts `git maintenance` and others through its exec path.
    const execPath = join(directory, 'exec')
    const repository = join(directory, 'repository')
    await mkdir(execPath)
    await symlink(executable, join(execPath, 'git'))
    const env = {
      PATH: `${execPath}:${process.env['PATH'] ?? ''}`,
      HOME: directory,
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_EXEC_PATH: execPath,
      GIT_TEMPLATE_DIR: '',
    }
    const git = (...args: string[]) => run(executable, args, { env })
    await git('init', '--quiet', repository)
    const identity = ['-c', 'user.name=Test', '-c', 'user.email=test@example.invalid']
    await git('-C', repository, ...identity, 'commit', '--quiet', '--allow-empty', '--message', 'first')
    const log = await git('-C', repository, 'log', '--format=%s')
    if (log !== 'first\n') throw new Error(`git log printed '${log}' instead of the commit`)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
