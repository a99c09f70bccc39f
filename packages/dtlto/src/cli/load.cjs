/*
 * Loads cli.cjs with V8's code cache, which saves the time to compile it (5 of the 45 ms that a link takes to start). keep-compiled.cjs makes the
 * cache for one Node; V8 itself refuses it in every other. The cache begins as the program does, with the program's hash.
 */
'use strict'

const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const vm = require('node:vm')

const PROGRAM = join(__dirname, 'cli.cjs')
const CACHE = join(__dirname, '../build/cli.cache')
/** A comment, written by scripts/build-bundle.mjs. */
const HASH_LENGTH = 68

function compile() {
  const source = readFileSync(PROGRAM, 'utf8')
  const hash = source.slice(0, HASH_LENGTH)
  const script = new vm.Script(`(function(require,module,__import,__filename,__dirname){${source}\n})`, {
    filename: PROGRAM,
    cachedData: readCache(hash),
  })
  return { hash, script, run: () => script.runInThisContext()(require, { exports: {} }, load, PROGRAM, __dirname) }
}

/** `import()` of the program: Node 20 has none for code that comes from a cache. */
function load(specifier) {
  return import(specifier)
}

function readCache(hash) {
  try {
    const cache = readFileSync(CACHE)
    return cache.toString('latin1', 0, HASH_LENGTH) === hash ? cache.subarray(HASH_LENGTH) : undefined
  } catch {
    return undefined
  }
}

module.exports = { CACHE, compile }
