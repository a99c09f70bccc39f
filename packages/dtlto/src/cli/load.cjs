/*
 * Loads cli.cjs, and the distributors that come with dtlto, with V8's code cache, which saves the time to compile them (5 of the 45 ms that a link takes to
 * start). keep-compiled.cjs makes the caches for one Node. A cache begins as its program does, with the program's hash, and then says which Node that was: V8 itself compares its
 * version without Node's patches of it, so that Node 20.19 would take what 20.20 has compiled, and call the wrong functions.
 */
'use strict'

const { readFileSync } = require('node:fs')
const { basename, dirname, join } = require('node:path')
const vm = require('node:vm')

const PROGRAM = join(__dirname, 'cli.cjs')
/** A comment, written by scripts/build-bundle.mjs. */
const HASH_LENGTH = 68
const NODE = `${process.arch} ${JSON.stringify(process.versions)}\n`

/** `path`: a file that scripts/build-bundle.mjs has made. `run` gives what it exports. */
function compile(path = PROGRAM) {
  const source = readFileSync(path, 'utf8')
  const made = source.slice(0, HASH_LENGTH) + NODE
  const cache = join(__dirname, '../build', `${basename(path, '.cjs')}.cache`)
  const script = new vm.Script(`(function(require,module,__import,__filename,__dirname){${source}\n})`, {
    filename: path,
    cachedData: readCache(cache, made),
  })
  const run = (requireThere = require) => {
    const module = { exports: {} }
    script.runInThisContext()(requireThere, module, load, path, dirname(path))
    return module.exports
  }
  return { made, cache, script, run }
}

/** `import()` of the program: Node 20 has none for code that comes from a cache. */
function load(specifier) {
  return import(specifier)
}

/** `made`: of what, and by which Node. */
function readCache(path, made) {
  try {
    const cache = readFileSync(path)
    return cache.toString('latin1', 0, made.length) === made ? cache.subarray(made.length) : undefined
  } catch {
    return undefined
  }
}

module.exports = { compile }
