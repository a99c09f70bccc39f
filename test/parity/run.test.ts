import assert from 'node:assert/strict'
import { cpSync, mkdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { run } from './command.js'
import { buildDirectory } from './environment.js'
import { runnable } from './inputs/runnable.js'
import { linker } from './linkers.js'
import { modeOptions } from './modes.js'
import { prepare } from './recipe.js'
import { currentMode } from './runner.js'
import { aarch64, coffX64, mingwX64, output, riscv64, type Target, wasm32, x86_64 } from './targets.js'

/** What dtlto links does run: the same program gives the same result on every kind of machine that is available. */

/** Links the program and answers its path. */
async function make(target: Target, entry: readonly string[]): Promise<string> {
  const directory = path.join(buildDirectory, 'run', currentMode(), target.name)
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  const inputs = runnable(target)
  for (const input of inputs) cpSync(await prepare(input), path.join(directory, input.name), { recursive: true })
  const files = inputs.flatMap((input) => input.files.map((file) => `${input.name}/${file}`))
  const words = target.program.filter((word) => !['-e', 'entry', '/entry:entry', '--entry=entry'].includes(word))
  const options = modeOptions(currentMode(), target.flavour)
  const args = [...words, ...entry, ...files, ...output(target, 'program.exe'), ...options]
  const result = await run(linker(target.flavour, 'dtlto'), args, directory)
  assert.equal(result.exit, 0, result.stderr.toString())
  return path.join(directory, 'program.exe')
}

async function printedBy(words: readonly string[]): Promise<string> {
  const [program = '', ...args] = words
  const result = await run(program, args, buildDirectory)
  assert.equal(result.exit, 0, result.stderr.toString())
  return result.stdout.toString().trim()
}

async function isHere(program: string): Promise<boolean> {
  return run(program, ['--version'], '/').then(
    ({ exit }) => exit === 0,
    () => false,
  )
}

async function expected(): Promise<string> {
  return printedBy([await make(x86_64, [])])
}

describe('programs that dtlto links run', () => {
  it('on this machine', { skip: process.arch !== 'x64' }, async () => {
    assert.match(await expected(), /^[0-9a-f]{8}$/)
  })

  it('in Node, as Wasm', async () => {
    const program = await make(wasm32, ['--no-entry', '--export=entry'])
    const script = `WebAssembly.instantiate(require('fs').readFileSync(process.argv[1])).then(({ instance }) =>
      console.log((instance.exports.entry() >>> 0).toString(16).padStart(8, '0')))`
    assert.equal(await printedBy([process.execPath, '-e', script, program]), await expected())
  })

  const emulated = [
    { target: aarch64, emulators: ['qemu-aarch64', 'qemu-aarch64-static'], entry: [] },
    { target: riscv64, emulators: ['qemu-riscv64', 'qemu-riscv64-static'], entry: [] },
    { target: coffX64, emulators: ['wine64', 'wine'], entry: ['/entry:begin'] },
    { target: mingwX64, emulators: ['wine64', 'wine'], entry: ['-e', 'begin'] },
  ] as const
  for (const { target, emulators, entry } of emulated) {
    it(`under ${emulators[0]}, for ${target.name}`, async (context) => {
      const program = await make(target, entry)
      for (const emulator of emulators) {
        if (!(await isHere(emulator))) continue
        assert.equal(await printedBy([emulator, program]), await expected())
        return
      }
      context.skip(`linked, but not run: none of ${emulators.join(', ')} is installed`)
    })
  }
})
