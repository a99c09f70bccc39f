import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, realpathSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type NativeAddon, native, NativeLoadError } from '@dtlto/native'
import { type LlvmBuild, llvmBuilds, majorOf } from '../llvm-builds.js'
import { bad, type Finding, good, note } from './finding.js'

const NODE_NEEDED = [20, 19] as const
const STOCK = ['ld.lld', 'lld-link', 'ld64.lld', 'wasm-ld']

export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [neededMajor, neededMinor] = NODE_NEEDED
  if (major > neededMajor || (major === neededMajor && minor >= neededMinor)) return good(`Node ${version}`)
  return bad(
    `Node ${version} is too old: expected ${NODE_NEEDED.join('.')} or newer`,
    'install a newer Node, or let DTLTO_NODE name one',
  )
}

export function checkNative(): Finding[] {
  let addon: NativeAddon
  try {
    addon = native()
  } catch (error) {
    if (error instanceof NativeLoadError) return [bad(error.message)]
    throw error
  }
  const { version, llvmVersion, llvmBuiltWith, llvmBin } = addon
  const found = good(`dtlto ${version} with lld and LLVM ${llvmVersion}`)
  const upgraded =
    llvmVersion === llvmBuiltWith
      ? []
      : [
          note(
            `dtlto and its lld were built with LLVM ${llvmBuiltWith}; the libLLVM of this machine is ${llvmVersion}, and fits`,
          ),
        ]
  const missing = STOCK.filter((name) => !existsSync(join(llvmBin, name)))
  if (missing.length > 0) {
    return [
      found,
      ...upgraded,
      note(`'${llvmBin}' has no ${missing.join(', ')}: links work, but cannot be compared with stock lld`),
    ]
  }
  const stock = versionOf(join(llvmBin, 'ld.lld'))
  return [
    found,
    ...upgraded,
    stock === llvmBuiltWith
      ? good(`stock lld ${stock} in '${llvmBin}'`)
      : note(
          `stock lld in '${llvmBin}' is ${stock ?? 'of unknown version'}, dtlto has ${llvmBuiltWith}`,
          "build dtlto again ('npm run setup' in a checkout): it uses the LLVM that is installed",
        ),
  ]
}

/** Where Debian's and LLVM's packages have their versions. */
const LLVM_ROOTS = '/usr/lib'

/** Which versions of LLVM there are, and by what name each links. */
export function describeLlvms({ llvmVersion }: NativeAddon, builds = llvmBuilds(), roots = LLVM_ROOTS): Finding {
  const links = (version: string): string =>
    version === llvmVersion ? 'links here' : `links as ld.dtlto-${String(majorOf(version))}`
  const ours = builds.map(({ version }) => `${version} ${links(version)}`)
  const others = installedMajors(roots).filter((major) => !builds.some((build) => build.major === major))
  const without = others.length > 0 ? [`${others.join(', ')} on this machine, and not in this dtlto`] : []
  return good(`versions of LLVM: ${[...ours, ...without].join('; ')}`)
}

/** Those with a program or a library that is called after LLVM; not what is left of a removed package. */
function installedMajors(roots: string): number[] {
  if (!existsSync(roots)) return []
  return readdirSync(roots)
    .flatMap((name) => /^llvm-(\d+)$/.exec(name)?.[1] ?? [])
    .filter((major) =>
      ['bin/clang', 'bin/ld.lld', 'lib/libLLVM.so.1'].some((part) => existsSync(join(roots, `llvm-${major}`, part))),
    )
    .map(Number)
    .sort((a, b) => a - b)
}

export interface Clangs {
  readonly findings: readonly Finding[]
  /** The clang that a user gets: the first on PATH. */
  readonly driver: string | undefined
  /** One whose bitcode this LLVM can read, for a trial. */
  readonly compiler: string | undefined
}

export function findClangs({ llvmVersion, llvmBin }: NativeAddon, builds = llvmBuilds()): Clangs {
  const ours = majorOf(llvmVersion)
  const onPath = [`clang`, `clang-${String(ours)}`].flatMap((name) => findOnPath(name) ?? [])
  const all = [...onPath, join(llvmBin, 'clang')].filter((path) => existsSync(path))
  const compiler = all.find((path) => {
    const version = versionOf(path)
    return version !== undefined && majorOf(version) <= ours
  })
  const [driver] = onPath
  if (driver === undefined) {
    const elsewhere = compiler ? `, but there is '${compiler}'` : ''
    return {
      findings: [note(`no clang on PATH${elsewhere}`, `install clang ${String(ours)}, or put it on PATH`)],
      driver: compiler,
      compiler,
    }
  }
  const version = versionOf(driver)
  return { findings: [compareClang(driver, version, llvmVersion, builds, compiler)], driver, compiler }
}

function compareClang(
  path: string,
  version: string | undefined,
  llvmVersion: string,
  builds: readonly LlvmBuild[],
  other: string | undefined,
): Finding {
  if (version === undefined) return note(`'${path}' does not say its version`)
  const [major, ours] = [majorOf(version), majorOf(llvmVersion)]
  const text = `'${path}' is clang ${version}`
  if (major < ours) return note(`${text}: its bitcode is read, by the newer LLVM ${llvmVersion}`)
  if (major === ours) return good(`clang ${version} ('${path}')`)
  const needs = `${text}: its bitcode needs LLVM ${String(major)}`
  if (!builds.some((build) => build.major === major))
    return bad(
      `${text}: LLVM ${String(major)} is needed, LLVM ${llvmVersion} cannot read its bitcode`,
      other ? `compile with '${other}'` : `install clang ${String(ours)}, or dtlto for LLVM ${String(major)}`,
    )
  // The launcher's rule (llvm_choice.h): a linker asks what its clang's file is called.
  const file = realpathSync(path)
  if (file.endsWith(`/clang-${String(major)}`) || file.endsWith(`/llvm-${String(major)}/bin/clang`))
    return good(`${needs}, which -fuse-ld=dtlto takes for it`)
  return bad(
    `${needs}, and ld.dtlto has ${llvmVersion}`,
    `take ld.dtlto-${String(major)}: -fuse-ld=dtlto-${String(major)}`,
  )
}

/** Whether `clang -fuse-ld=dtlto` starts this dtlto. */
export function checkDriver(clang: string | undefined): Finding {
  const here = process.argv[1] === undefined ? undefined : join(process.argv[1], '../../bin')
  const remedy = here ? `PATH=${here}:$PATH` : 'put the directory of ld.dtlto on PATH'
  if (clang === undefined) return note('clang -fuse-ld=dtlto was not tried: there is no clang')
  const { stderr } = spawnSync(clang, ['-fuse-ld=dtlto', '-###', '-x', 'c', '/dev/null'], { encoding: 'utf8' })
  const linker = /"([^"]*\bld\.dtlto)"/.exec(stderr)?.[1]
  if (linker === undefined || !existsSync(linker)) {
    return bad("clang -fuse-ld=dtlto finds no 'ld.dtlto'", remedy)
  }
  if (here && existsSync(here) && realpathSync(linker) !== realpathSync(join(here, 'ld.dtlto'))) {
    return note(`clang -fuse-ld=dtlto starts another dtlto than this one: '${linker}'`, remedy)
  }
  return good(`clang -fuse-ld=dtlto starts '${linker}'`)
}

function findOnPath(program: string): string | undefined {
  const directories = (process.env['PATH'] ?? '').split(delimiter).filter((directory) => directory !== '')
  return directories.map((directory) => join(directory, program)).find((path) => existsSync(path))
}

/** What a program of LLVM says of itself with --version. */
function versionOf(program: string): string | undefined {
  const { stdout } = spawnSync(program, ['--version'], { encoding: 'utf8', timeout: 10_000 })
  return /(?:version|LLD) (\d+\.\d+\.\d+)/.exec(stdout)?.[1]
}
