/**
 * Answers of an engine that are damaged by chance, in whole links: DTLTO_TEST_ANSWERS of them (2,000), from seed DTLTO_TEST_ANSWERS_SEED on (1). Whatever it answers, no link fails,
 * and none has a wrong output.
 */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { codegenProgram } from '@dtlto/native'
import { link } from 'dtlto'
import reapi from '../../packages/distributor-reapi/src/index.js'
import { FakeEngine } from '../../packages/distributor-reapi/src/testing/fake-engine.js'
import { CLANG, inTemporaryDirectory, must, STOCK } from '../link/toolchain.js'
import { Random } from '../remote-jobs/random.js'

const ANSWERS = Number(process.env['DTLTO_TEST_ANSWERS'] ?? 2000)
const SEED = Number(process.env['DTLTO_TEST_ANSWERS_SEED'] ?? 1)
const MODULES = 60
const MOST_LINKS = 200

test('answers that are damaged change no byte and end no link', () =>
  inTemporaryDirectory(async (cwd) => {
    const sources = Array.from({ length: MODULES }, (_, i) => {
      writeFileSync(
        `${cwd}/m${String(i)}.c`,
        `int m${String(i)}_data = ${String(i)}; int m${String(i)}(int x) { return x * m${String(i)}_data; }\n`,
      )
      return `m${String(i)}.c`
    })
    must(CLANG, ['-flto=thin', '-O2', '-fPIC', '-c', ...sources], { cwd })
    const args = ['-shared', ...sources.map((source) => source.replace('.c', '.o')), '-o', 'out']
    must(STOCK, args, { cwd })
    const stock = readFileSync(`${cwd}/out`)
    const random = new Random(SEED)
    let damaged = 0
    let executions = 0
    let results: FakeEngine['results'] = new Map()
    let blobs: FakeEngine['blobs'] = new Map()
    const home = process.cwd()
    process.chdir(cwd)
    try {
      for (let links = 0; damaged < ANSWERS; links++) {
        assert.ok(links < MOST_LINKS, `only ${damaged} answers were asked for`)
        // Another port each time: an engine that was down is not asked at once by the next link. Every other time it has everything already.
        const engine = await FakeEngine.start()
        if (links % 2 === 1) {
          for (const [hash, bytes] of blobs) engine.blobs.set(hash, bytes)
          for (const [hash, result] of results) engine.results.set(hash, result)
        }
        // What it can do it says well, or nothing more would be asked for.
        engine.faults = {
          damages: (message) => {
            if (engine.count('GetActionResult') === 0 || random.below(3) > 0) return undefined
            damaged++
            return damage(message, random)
          },
        }
        const options = { remote_executor: engine.address, toolchain: 'image', image_compiler: codegenProgram() }
        const { exitCode, stdout, stderr } = await link({
          flavour: 'elf',
          args,
          distributors: [{ distributor: reapi, options }],
        })
        executions += engine.counts.executions
        if (links % 2 === 0) ({ blobs, results } = engine)
        engine.stop()
        assert.deepEqual([exitCode, stdout, stderr], [0, '', ''], `link ${links}`)
        assert.ok(readFileSync('out').equals(stock), `link ${links} has a wrong output`)
      }
    } finally {
      process.chdir(home)
    }
    assert.ok(executions > MODULES, 'hardly anything was executed')
  }))

const DAMAGES: readonly ((message: Buffer, random: Random) => Buffer)[] = [
  (message, random) => message.subarray(0, random.below(message.length + 1)),
  (message, random) => bytes(random.below(2 * message.length + 8), random),
  (message) => Buffer.concat([message, message]),
  (message, random) => Buffer.concat([message, bytes(1 + random.below(16), random)]),
  ...Array.from({ length: 6 }, () => (message: Buffer, random: Random) => {
    const other = Buffer.from(message)
    for (let left = 1 + random.below(4); left > 0 && other.length > 0; left--)
      other[random.below(other.length)] = random.below(256)
    return other
  }),
]

function damage(message: Buffer, random: Random): Buffer {
  return random.pick(DAMAGES)(message, random)
}

function bytes(count: number, random: Random): Buffer {
  return Buffer.from(Array.from({ length: count }, () => random.below(256)))
}
