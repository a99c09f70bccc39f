import { execFile, type ExecFileOptions } from 'node:child_process'

export interface RunResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end. Rejects only if it cannot be started. */
export function tryRun(program: string, args: readonly string[], options: ExecFileOptions = {}): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    execFile(
      program,
      args,
      { maxBuffer: Number.POSITIVE_INFINITY, ...options, encoding: 'utf8' },
      (error, stdout, stderr) => {
        // A code is an exit code, or the name of the reason why it could not start.
        if (error !== null && typeof error.code === 'string') reject(new Error(error.message, { cause: error }))
        else resolve({ exitCode: error === null ? 0 : Number(error.code ?? 1), stdout, stderr })
      },
    )
  })
}

/** Runs a program that has to succeed; returns its stdout. The error carries the end of what it printed. */
export async function run(program: string, args: readonly string[], options: ExecFileOptions = {}): Promise<string> {
  const { exitCode, stdout, stderr } = await tryRun(program, args, options)
  if (exitCode === 0) return stdout
  const output = `${stdout}\n${stderr}`.trim().split('\n').slice(-30).join('\n')
  throw new Error(`'${[program, ...args].join(' ')}' exited with ${exitCode}:\n${output}`)
}
