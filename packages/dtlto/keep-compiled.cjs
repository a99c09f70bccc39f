/*
 * Run when dtlto is built: keeps, in build/, which Node that was, and the program as that Node compiled it. Both are for speed
 * and comfort; without them links work, too. Packages hold the second, which other versions of Node ignore.
 */
'use strict'

const { existsSync, mkdirSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')

const BUILD = join(__dirname, 'build')
const LOAD = join(__dirname, 'dist/load.cjs')

mkdirSync(BUILD, { recursive: true })
writeFileSync(join(BUILD, 'node-path'), process.execPath)
// In a checkout that is not built yet there is no program.
if (existsSync(LOAD)) writeCodeCache()

/** Lets a link end that does nothing: what was compiled until then is what every link needs. */
function writeCodeCache() {
  const { CACHE, compile } = require(LOAD)
  const program = compile()
  const dlopen = process.dlopen
  process.dlopen = (module, ...rest) => {
    dlopen(module, ...rest)
    module.exports.exitProcess = () => {
      writeFileSync(CACHE, Buffer.concat([Buffer.from(program.hash, 'latin1'), program.script.createCachedData()]))
      process.reallyExit(0)
    }
  }
  // As the launcher would start it: start-information.ts.
  process.argv = [...process.argv.slice(0, 2), '', 'ld.dtlto', 'gnu', 'ld.lld', '', '', 'gnu', '', '', '0', '--version']
  program.run()
}
