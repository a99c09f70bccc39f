import { spawn } from 'node:child_process'
import { childEnvironment, timeoutMs } from './environment.js'

export interface CommandResult {
  /** The exit code, or the signal's name, or `timeout`. */
  readonly exit: number | string
  readonly stdout: Buffer
  readonly stderr: Buffer
}

/** Runs a program to its end in `cwd`; one that hangs is killed and reported as `timeout`. */
export function run(
  program: string,
  args: readonly string[],
  cwd: string,
  more: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const env = { ...childEnvironment(), ...more }
    const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    let hung = false
    const timer = setTimeout(() => {
      hung = true
      child.kill('SIGKILL')
    }, timeoutMs)
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
    child.once('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      const exit = hung ? 'timeout' : (code ?? signal ?? 'unknown')
      resolve({ exit, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr) })
    })
  })
}
