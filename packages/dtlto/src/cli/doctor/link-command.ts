/** `dtlto doctor --link COMMAND…`: starts the command, and hears from the linkers of dtlto's that it starts what their links would be. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DOCTOR_VARIABLE } from '../../config/variables.js'
import { bad, type Finding } from './finding.js'
import { type KeptOutput, putBack } from './kept-output.js'

/** Of what the command prints, where it has not come to a link. */
const SHOWN_LINES = 10
const TEXT_BYTES = 64 * 1024

export async function examineCommand(command: readonly string[]): Promise<readonly Finding[]> {
  const [program, ...args] = command
  if (program === undefined) return [bad('--link: expected a command that links, got none')]
  const directory = mkdtempSync(join(tmpdir(), 'dtlto-doctor-'))
  try {
    const file = join(directory, 'findings')
    writeFileSync(file, '')
    const text = await run(program, args, { ...process.env, [DOCTOR_VARIABLE]: file })
    const lines = readFileSync(file, 'utf8').split('\n')
    const told = lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Finding | KeptOutput)
    const findings = told.filter((line): line is Finding => 'level' in line)
    for (const line of told) if ('keptAs' in line) putBack(line)
    if (findings.length > 0) return findings
    const said = text.trim().split('\n').slice(-SHOWN_LINES)
    return [
      bad(
        [`'${command.join(' ')}' has come to no link by dtlto`, ...said.filter((line) => line !== '')].join('\n'),
        'the command must start ld.dtlto or one of its siblings: clang and rustc do with -fuse-ld=dtlto. Where everything is up to date, remove the output first',
      ),
    ]
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Gives what it printed. */
function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { env, stdio: ['inherit', 'pipe', 'pipe'] })
    let text = ''
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        text = `${text}${chunk}`.slice(-TEXT_BYTES)
      })
    child.on('error', ({ message }) => resolve(`'${program}' cannot be started: ${message}`))
    child.on('close', () => resolve(text))
  })
}
