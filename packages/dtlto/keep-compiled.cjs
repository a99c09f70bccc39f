/*
 * Run when dtlto is built: keeps, in build/, which Node that was, and the program and its distributors as that Node compiled them. All are for speed
 * and comfort; without them links work, too. Packages hold the latter, which other versions of Node ignore.
 */
'use strict'

const { existsSync, mkdirSync, readdirSync, writeFileSync } = require('node:fs')
const { createRequire } = require('node:module')
const { join } = require('node:path')
const { pathToFileURL } = require('node:url')

const BUILD = join(__dirname, 'build')
const LOAD = join(__dirname, 'dist/load.cjs')
const PACKAGES = join(__dirname, '..')

mkdirSync(BUILD, { recursive: true })
writeFileSync(join(BUILD, 'node-path'), process.execPath)
// In a checkout that is not built yet there is no program.
if (existsSync(LOAD)) writeCodeCaches()

/** Lets a link end that does nothing: what was compiled until then is what every link needs. Then each distributor. */
function writeCodeCaches() {
  const { compile } = require(LOAD)
  const program = compile()
  const dlopen = process.dlopen
  process.dlopen = (module, ...rest) => {
    dlopen(module, ...rest)
    module.exports.exitProcess = () => {
      keep(program)
      keepDistributors(compile).finally(() => process.reallyExit(0))
    }
  }
  // As the launcher would start it: start-information.ts.
  process.argv = [...process.argv.slice(0, 2), '', 'ld.dtlto', 'gnu', 'ld.lld', '', '', 'gnu', '', '', '0', '--version']
  program.run()
}

async function keepDistributors(compile) {
  // As links do before they load them: V8 takes no code cache that was made with other flags.
  const { optimizeLate } = await import(pathToFileURL(join(__dirname, 'dist/cli/v8-flags.js')))
  optimizeLate()
  for (const directory of readdirSync(PACKAGES)) {
    const [, name] = /^distributor-(.*)/.exec(directory) || []
    const path = join(PACKAGES, directory, 'dist', `${name}.cjs`)
    if (name === undefined || !existsSync(path)) continue
    const distributor = compile(path)
    const { default: definition } = distributor.run(createRequire(path))
    // Without options it opens nothing, but has loaded what it needs for that.
    const context = { env: {}, link: {}, signal: new AbortController().signal }
    await Promise.resolve()
      .then(() => definition.open(context, {}))
      .catch(() => undefined)
    keep(distributor)
  }
}

function keep({ made, cache, script }) {
  writeFileSync(cache, Buffer.concat([Buffer.from(made, 'latin1'), script.createCachedData()]))
}
