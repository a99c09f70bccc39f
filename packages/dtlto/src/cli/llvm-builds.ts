/** The versions of LLVM that this dtlto is built for: the first one's parts are in a directory, those of version N in its `llvm-N`. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { codegenProgram } from '@dtlto/native'

export interface LlvmBuild {
  /** `23.1.4` */
  readonly version: string
  readonly major: number
}

const FURTHER = /^llvm-\d+$/
const TIMEOUT_MS = 10_000

/** The first one first. Their programs are asked, each of which loads its LLVM. */
export function llvmBuilds(): readonly LlvmBuild[] {
  const program = codegenProgram()
  const directory = dirname(program)
  const first = FURTHER.test(basename(directory)) ? dirname(directory) : directory
  if (!existsSync(first)) return []
  const further = readdirSync(first).filter((name) => FURTHER.test(name))
  return [first, ...further.sort().map((name) => join(first, name))].flatMap((each) => {
    const { stdout } = spawnSync(join(each, basename(program)), ['--version'], {
      encoding: 'utf8',
      timeout: TIMEOUT_MS,
    })
    const version = /\bllvm (\d+\.\S+)/.exec(stdout ?? '')?.[1]
    return version === undefined ? [] : [{ version, major: majorOf(version) }]
  })
}

export const majorOf = (version: string): number => Number(version.split('.')[0])
