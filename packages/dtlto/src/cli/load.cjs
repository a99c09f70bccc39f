/*
 * Loads cli.cjs, and the distributors that come with dtlto, with V8's code cache, which saves the time to compile them (5 of the 45 ms that a link takes to
 * start). keep-compiled.cjs makes the caches for one Node; V8 itself refuses them in every other. A cache begins as its program does, with the program's hash.
 */
'use strict'

const { readFileSync } = require('node:fs')
const { basename, dirname, join } = require('node:path')
const vm = require('node:vm')

const PROGRAM = join(__dirname, 'cli.cjs')
/** A comment, written by scripts/build-bundle.mjs. */
const HASH_LENGTH = 68

/** `path`: a file that scripts/build-bundle.mjs has made. `run` gives what it exports. */
function compile(path = PROGRAM) {
  const source = readFileSync(path, 'utf8')
  const hash = source.slice(0, HASH_LENGTH)
  const cache = join(__dirname, '../build', `${basename(path, '.cjs')}.cache`)
  const script = new vm.Script(`(function(require,module,__import,__filename,__dirname){${source}\n})`, {
    filename: path,
    cachedData: readCache(cache, hash),
  })
  const run = (requireThere = require) => {
    const module = { exports: {} }
    script.runInThisContext()(requireThere, module, load, path, dirname(path))
    return module.exports
  }
  return { hash, cache, script, run }
}

/** `import()` of the program: Node 20 has none for code that comes from a cache. */
function load(specifier) {
  return import(specifier)
}

function readCache(path, hash) {
  try {
    const cache = readFileSync(path)
    return cache.toString('latin1', 0, HASH_LENGTH) === hash ? cache.subarray(HASH_LENGTH) : undefined
  } catch {
    return undefined
  }
}

module.exports = { compile }
