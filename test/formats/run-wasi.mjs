/** `node run-wasi.mjs PROGRAM.wasm`: runs a WASI program with our stdin, stdout and stderr. */
import { readFileSync } from 'node:fs'
import { WASI } from 'node:wasi'

/** @typedef {{ instantiate(program: Uint8Array, imports: object): Promise<{ readonly instance: object }> }} Wasm */

// The types of Node 20 have no value of this name.
const { WebAssembly: wasm } = /** @type {{ readonly WebAssembly: Wasm }} */ (/** @type {unknown} */ (globalThis))

const file = /** @type {string} */ (process.argv[2])
const wasi = new WASI({ version: 'preview1', args: [file] })
const { instance } = await wasm.instantiate(readFileSync(file), { wasi_snapshot_preview1: wasi.wasiImport })
process.exitCode = wasi.start(instance)
