/** Which compiler a job's action runs: one that is sent with it, or one of the worker's image. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { type CannotExpress, codegenProgram, DtltoError, type JobPackage } from 'dtlto/plugin'
import {
  clangAction,
  codegenAction,
  groupAction,
  type GroupMember,
  imageCodegen,
  type JobAction,
  type PlacedCodegen,
  type Properties,
  shippedCodegen,
} from './action.js'
import { isCodegen } from './options.js'
import { shippedToolchain } from './toolchain.js'

export interface Compiler {
  action(job: JobPackage): Promise<JobAction | CannotExpress>
  /** One action for several jobs that have had actions of their own. */
  group(members: readonly GroupMember[]): Promise<Pick<JobAction, 'digest' | 'blobs'>>
}

/** Asks a worker what `PROGRAM --version` prints. */
export type AskVersion = (program: string) => Promise<string>

export class ShippedCompiler implements Compiler {
  readonly #env: Readonly<Record<string, string | undefined>>
  readonly #platform: Properties
  #codegen: Promise<PlacedCodegen> | undefined

  constructor(env: Readonly<Record<string, string | undefined>>, platform: Properties) {
    this.#env = env
    this.#platform = platform
  }

  async action(job: JobPackage): Promise<JobAction> {
    return await codegenAction(job, await this.#placed())
  }

  async group(members: readonly GroupMember[]): Promise<Pick<JobAction, 'digest' | 'blobs'>> {
    return groupAction(members, await this.#placed())
  }

  #placed(): Promise<PlacedCodegen> {
    return (this.#codegen ??= shippedToolchain(codegenProgram(), this.#env).then((toolchain) =>
      shippedCodegen(toolchain, this.#platform),
    ))
  }
}

export class ImageCompiler implements Compiler {
  readonly #program: string
  readonly #llvmVersion: string
  readonly #platform: Properties
  readonly #ask: AskVersion
  #version: Promise<string> | undefined
  #codegen: PlacedCodegen | undefined

  constructor(program: string, llvmVersion: string, platform: Properties, ask: AskVersion) {
    this.#program = program
    this.#llvmVersion = llvmVersion
    this.#platform = platform
    this.#ask = ask
  }

  async action(job: JobPackage): Promise<JobAction | CannotExpress> {
    const version = await this.version()
    if (this.#isCodegen) return await codegenAction(job, this.#placed(version))
    const clang = await job.forClang()
    return clang.kind === 'cannot' ? clang : await clangAction(clang, this.#program, version, this.#platform)
  }

  async group(members: readonly GroupMember[]): Promise<Pick<JobAction, 'digest' | 'blobs'>> {
    return groupAction(members, this.#placed(await this.version()))
  }

  /** What the compiler says of itself. Rejects with DTLTO_ENDPOINT_REFUSED if it is not the right one. */
  async version(): Promise<string> {
    try {
      return await (this.#version ??= this.#checkVersion())
    } catch (error) {
      // Trouble may pass.
      if (!(DtltoError.is(error) && error.code === 'DTLTO_ENDPOINT_REFUSED')) this.#version = undefined
      throw error
    }
  }

  #placed(version: string): PlacedCodegen {
    return (this.#codegen ??= imageCodegen(this.#program, version, this.#platform))
  }

  get #isCodegen(): boolean {
    return isCodegen(this.#program)
  }

  async #checkVersion(): Promise<string> {
    const version = await this.#ask(this.#program)
    if (this.#isCodegen) {
      const own = (await promisify(execFile)(codegenProgram(), ['--version'])).stdout
      if (version.trim() !== own.trim()) throw this.#wrong(version, `'${own.trim()}'`)
    } else if (/clang version (\d+\.\d+\.\d+)/.exec(version)?.[1] !== this.#llvmVersion) {
      throw this.#wrong(version, `clang ${this.#llvmVersion}`)
    }
    return version.split('\n')[0] ?? ''
  }

  #wrong(version: string, expected: string): DtltoError {
    return new DtltoError(
      'DTLTO_ENDPOINT_REFUSED',
      `'${this.#program}' of the workers says '${version.split('\n')[0]?.slice(0, 200) ?? ''}': expected ${expected}; use another image, or toolchain=ship`,
    )
  }
}
