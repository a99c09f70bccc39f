/** What a fake engine executes: really run, on this machine. */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { digestOf } from '../blob.js'
import * as re from '../generated/build/bazel/remote/execution/v2/remote_execution.js'

export interface Tree {
  readonly command: re.Command
  readonly files: ReadonlyMap<string, Buffer>
}

/** The command and the files of an action; undefined if blobs are `missing`. */
export function treeOf(hash: string, blobs: ReadonlyMap<string, Buffer>, missing: string[]): Tree | undefined {
  const get = (digest: re.Digest | undefined): Buffer => {
    const wanted = digest?.hash ?? ''
    const bytes = digest?.sizeBytes === 0 ? Buffer.alloc(0) : blobs.get(wanted)
    if (bytes === undefined) missing.push(wanted)
    return bytes ?? Buffer.alloc(0)
  }
  const action = re.Action.decode(get({ hash, sizeBytes: 1 }))
  if (missing.length > 0) return undefined
  const command = re.Command.decode(get(action.commandDigest))
  const files = new Map<string, Buffer>()
  const walk = (digest: re.Digest | undefined, prefix: string): void => {
    const { files: nodes, directories } = re.Directory.decode(get(digest))
    for (const { name, digest: of } of nodes) files.set(prefix + name, get(of))
    for (const { name, digest: of } of directories) walk(of, `${prefix}${name}/`)
  }
  walk(action.inputRootDigest, '')
  return missing.length > 0 ? undefined : { command, files }
}

/** Runs the command in a directory with the files. Outputs are stored in `blobs`. */
export async function runAction(
  { command, files }: Tree,
  blobs: Map<string, Buffer>,
  exitCode: number | undefined,
): Promise<re.ActionResult> {
  const cwd = mkdtempSync(join(tmpdir(), 'dtlto-fake-engine-'))
  try {
    for (const [name, bytes] of files) {
      mkdirSync(dirname(join(cwd, name)), { recursive: true })
      writeFileSync(join(cwd, name), bytes, { mode: 0o755 })
    }
    for (const path of command.outputPaths) mkdirSync(dirname(join(cwd, path)), { recursive: true })
    const env = Object.fromEntries(command.environmentVariables.map(({ name, value }) => [name, value]))
    const [program = '', ...args] = command.arguments
    const startMs = Date.now()
    const ran = await new Promise<{ exitCode: number; stdout: string; stderr: string }>((resolve) => {
      execFile(program, args, { cwd, env }, (error, stdout, stderr) => {
        const { code = 0 } = (error ?? {}) as { code?: number | string }
        resolve({ exitCode: typeof code === 'number' ? code : 127, stdout, stderr })
      })
    })
    const outputFiles = command.outputPaths.flatMap((path) => {
      try {
        const bytes = readFileSync(join(cwd, path))
        const digest = digestOf(bytes)
        blobs.set(digest.hash, bytes)
        return [{ path, digest }]
      } catch {
        return []
      }
    })
    return re.ActionResult.fromPartial({
      outputFiles,
      exitCode: exitCode ?? ran.exitCode,
      stdoutRaw: Buffer.from(ran.stdout),
      stderrRaw: Buffer.from(ran.stderr),
      executionMetadata: {
        worker: 'fake-1',
        inputFetchStartTimestamp: new Date(startMs - 7),
        inputFetchCompletedTimestamp: new Date(startMs - 2),
        outputUploadStartTimestamp: new Date(startMs),
        outputUploadCompletedTimestamp: new Date(startMs + 3),
        executionStartTimestamp: new Date(startMs),
        executionCompletedTimestamp: new Date(),
      },
    })
  } finally {
    rmSync(cwd, { recursive: true })
  }
}
