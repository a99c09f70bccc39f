/** The platforms that a real program is linked for: how its C library is found, what links it, what runs it. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DTLTO_BIN, LLVM_BIN, LLVM_MAJOR } from '../link/toolchain.js'
import { find, found, type Need, need } from './machines.js'

export interface Command {
  readonly program: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

export interface Platform {
  readonly name: string
  readonly isWindows?: true
  readonly needs: readonly Need[]
  /** For compiler and linker: the target, and where its C library is. */
  readonly target: readonly string[]
  /** clang's option for dtlto, as a user writes it. `packages/dtlto/bin` is on PATH. */
  readonly useDtlto: string
  /** Start files and C library of an executable, where clang's own idea needs more packages than we install. */
  readonly executable: readonly string[]
  /** The same for a shared library; undefined: the platform has none. */
  readonly library: readonly string[] | undefined
  /** Assembly that stands in for what a compiler's runtime library would bring. */
  readonly runtime?: string
  /** What starts `executable`; `scratch` is a directory for it alone. */
  readonly start: (executable: string, scratch: string) => Command
}

const WINE = need('wine64', 'wine64', '/usr/lib/wine/wine64')
const RUN_WASI = fileURLToPath(new URL('run-wasi.mjs', import.meta.url))
/** Newer packages of wasi-libc have the newer name of the target. */
const WASI_LIBC = need('wasi-libc', '/usr/lib/wasm32-wasip1/libc.a', '/usr/lib/wasm32-wasi/libc.a')
const WASI_TARGET = find(WASI_LIBC)?.includes('wasip1') ? 'wasm32-wasip1' : 'wasm32-wasi'

/** Debian's cross C libraries; without the cross gcc, whose start files clang would take. */
function crossLinux(cpu: string, libcPackage: string): Platform {
  const root = `/usr/${cpu}-linux-gnu`
  const file = (name: string): string => `${root}/lib/${name}`
  const qemu = need('qemu-user', `qemu-${cpu}`, `qemu-${cpu}-static`)
  return {
    name: `${cpu} Linux`,
    needs: [qemu, need(libcPackage, file('Scrt1.o'))],
    target: [`--target=${cpu}-linux-gnu`, '-isystem', `${root}/include`],
    useDtlto: '-fuse-ld=dtlto',
    executable: ['-nostdlib', file('Scrt1.o'), file('crti.o'), `-L${root}/lib`, '-lc', file('crtn.o')],
    library: ['-nostdlib', `-L${root}/lib`, '-lc'],
    start: (executable) => ({ program: found(qemu), args: ['-L', root, executable] }),
  }
}

const MINGW_LIBRARIES = [
  ...['-nodefaultlibs', '-Wl,--start-group', '-lmingw32', '-lmoldname', '-lmingwex', '-lmsvcrt', '-lkernel32'],
  ...['-Wl,--end-group', '-Wl,--no-insert-timestamp'],
]

/** The one function that mingw-w64's C library takes from libgcc, whose package would be a whole compiler. */
export const CHKSTK = `
.globl ___chkstk_ms
___chkstk_ms:
  push %rcx
  push %rax
  cmp $0x1000, %rax
  lea 24(%rsp), %rcx
  jb 1f
2:
  sub $0x1000, %rcx
  test %rcx, (%rcx)
  sub $0x1000, %rax
  cmp $0x1000, %rax
  ja 2b
1:
  sub %rax, %rcx
  test %rcx, (%rcx)
  pop %rax
  pop %rcx
  ret
`

/** Programs for Windows. */
export const MINGW: Platform = {
  name: 'x86-64 Windows (MinGW)',
  isWindows: true,
  needs: [WINE, need('mingw-w64-x86-64-dev', '/usr/x86_64-w64-mingw32/lib/crt2.o')],
  target: ['--target=x86_64-w64-mingw32', '--sysroot=/usr'],
  useDtlto: '-fuse-ld=dtlto',
  executable: MINGW_LIBRARIES,
  library: MINGW_LIBRARIES,
  runtime: CHKSTK,
  start: (executable, scratch) => ({ program: found(WINE), args: [executable], env: wineEnvironment(scratch) }),
}

export const PLATFORMS: readonly Platform[] = [
  {
    name: 'x86-64 Linux',
    needs: [],
    target: ['--target=x86_64-linux-gnu'],
    useDtlto: '-fuse-ld=dtlto',
    executable: [],
    library: [],
    start: (executable) => ({ program: executable, args: [] }),
  },
  crossLinux('aarch64', 'libc6-dev-arm64-cross'),
  crossLinux('riscv64', 'libc6-dev-riscv64-cross'),
  MINGW,
  {
    name: 'wasm32 WASI',
    needs: [
      WASI_LIBC,
      need(
        `libclang-rt-${LLVM_MAJOR}-dev-wasm32`,
        ...['wasi', 'wasip1', 'wasm32-unknown-wasip1'].map((name) =>
          join(LLVM_BIN, `../lib/clang/${LLVM_MAJOR}/lib/${name}/libclang_rt.builtins-wasm32.a`),
        ),
      ),
    ],
    target: [`--target=${WASI_TARGET}`, '-Wno-deprecated'],
    useDtlto: `-fuse-ld=${join(DTLTO_BIN, 'wasm-ld.dtlto')}`,
    executable: [],
    library: undefined,
    start: (executable) => ({ program: process.execPath, args: ['--no-warnings', RUN_WASI, executable] }),
  },
]

/**
 * A bare prefix that wine neither fills nor updates: its own DLLs come from where they are installed. A full one takes
 * seven hundred megabytes and as many seconds as the rest of the test.
 */
function wineEnvironment(prefix: string): Record<string, string> {
  mkdirSync(join(prefix, 'drive_c/windows/system32'), { recursive: true })
  mkdirSync(join(prefix, 'dosdevices'))
  symlinkSync('../drive_c', join(prefix, 'dosdevices/c:'))
  symlinkSync('/', join(prefix, 'dosdevices/z:'))
  writeFileSync(join(prefix, '.update-timestamp'), 'disable\n')
  return {
    WINEPREFIX: prefix,
    WINEBOOTSTRAPMODE: '1',
    WINEDEBUG: '-all',
    WINEDLLOVERRIDES: 'mscoree,mshtml=',
    HOME: prefix,
    DISPLAY: '',
  }
}
