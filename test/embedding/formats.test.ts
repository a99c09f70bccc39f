import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { link, type LinkFlavour } from '../../packages/dtlto/src/index.js'
import { inTemporaryDirectory } from '../link/toolchain.js'
import { aarch64, coffX64, machoArm64, mingwX64, output, type Target, wasm32, x86_64 } from '../parity/targets.js'
import { compileFor, link as linkBySide } from '../remote-jobs/small-links.js'

const TARGETS = [x86_64, wasm32, coffX64, machoArm64, mingwX64, aarch64]

const flavourOf = ({ flavour }: Target): LinkFlavour => (flavour === 'mingw' ? 'elf' : flavour)

test('one process links every format, several times, one after the other', () =>
  inTemporaryDirectory(async (root) => {
    const home = process.cwd()
    const links = TARGETS.map((target) => {
      const cwd = join(root, target.name)
      mkdirSync(cwd)
      const args = [...target.program, ...compileFor(target, cwd)]
      const stock = linkBySide(target, 'stock', cwd, args)
      assert.equal(stock.exitCode, 0, stock.stderr)
      return { target, cwd, args, stock: stock.bytes }
    })
    try {
      for (const round of [1, 2]) {
        for (const { target, cwd, args, stock } of links) {
          process.chdir(cwd)
          const { exitCode, stderr } = await link({
            flavour: flavourOf(target),
            args: [...args, ...output(target, 'out')],
          })
          assert.equal(exitCode, 0, `${target.name}, round ${String(round)}: ${stderr}`)
          assert.ok(stock && readFileSync('out').equals(stock), `${target.name}, round ${String(round)}: out differs`)
          rmSync('out')
        }
      }
    } finally {
      process.chdir(home)
    }
  }))
