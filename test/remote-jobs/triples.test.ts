/** Stock clang keeps the triple of a module, or is not asked: whatever the spelling, no word of its own and no other object. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Flavour } from '../parity/targets.js'
import { tripleVerdict } from './triples.js'

/** Triples that stock clang must be asked for, as compilers really write them. */
const KEPT: Readonly<Record<Flavour, readonly string[]>> = {
  elf: [
    'x86_64-unknown-linux-gnu',
    'x86_64-pc-linux-gnu',
    'x86_64-redhat-linux',
    'x86_64-alpine-linux-musl',
    'x86_64-unknown-linux-gnu2.17',
    'x86_64-unknown-linux5.4-gnu',
    'aarch64-unknown-linux-gnu',
    'aarch64-unknown-linux-musl',
  ],
  mingw: ['x86_64-w64-windows-gnu', 'x86_64-pc-windows-gnu', 'x86_64-pc-windows-gnullvm'],
  coff: [
    'x86_64-pc-windows-msvc',
    'x86_64-pc-windows-msvc19.33.0',
    'x86_64-pc-windows-msvc19.40.0',
    'aarch64-pc-windows-msvc',
    'x86_64-unknown-uefi',
  ],
  macho: [
    'x86_64-apple-macosx12.0.0',
    'x86_64-apple-macosx',
    'x86_64-apple-macosx16.0.0',
    'x86_64-apple-darwin',
    'x86_64-apple-darwin20',
    'x86_64-apple-darwin19.6.0',
    'arm64-apple-macosx11.0.0',
    'arm64-apple-macosx',
    'arm64-apple-darwin20.6.0',
    'arm64-apple-ios15.0.0',
    'arm64-apple-ios',
    'arm64-apple-ios15.0.0-simulator',
  ],
  wasm: [
    'wasm32-unknown-unknown',
    'wasm32',
    'wasm32-unknown-wasi',
    'wasm32-unknown-wasip2',
    'wasm32-unknown-emscripten',
  ],
}

const NOT_ASKED: Readonly<Record<Flavour, readonly string[]>> = {
  elf: ['x86_64-linux-gnu', 'x86_64-unknown-linux-gnux32', 'aarch64-unknown-linux-gnu_ilp32', 'x86_64-linux-android21'],
  mingw: ['x86_64-w64-mingw32', 'x86_64-pc-cygwin'],
  coff: ['x86_64-pc-win32', 'x86_64-pc-windows', 'x86_64-windows-msvc', 'aarch64-pc-win32'],
  macho: [],
  wasm: ['wasm32-wasi', 'wasm32-wasip1'],
}

describe('a stock clang', () => {
  for (const [flavour, triples] of Object.entries(KEPT) as [Flavour, readonly string[]][]) {
    for (const triple of triples)
      test(`makes the objects of lld for modules of ${triple} (${flavour})`, async () => {
        assert.deepEqual(await tripleVerdict({ triple, flavour }), { kind: 'kept' })
      })
  }
  for (const [flavour, triples] of Object.entries(NOT_ASKED) as [Flavour, readonly string[]][]) {
    for (const triple of triples)
      test(`is not asked for modules of ${triple}, and the reason names it`, async () => {
        const verdict = await tripleVerdict({ triple, flavour })
        assert.equal(verdict.kind, 'cannot')
        assert.ok(verdict.kind === 'cannot' && verdict.reason.includes(`'${triple}'`), JSON.stringify(verdict))
      })
  }
})
