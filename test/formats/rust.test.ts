/** Rust through the usual driver: rustc starts clang, clang starts ld.dtlto. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { it } from 'node:test'
import { CLANG, DTLTO_BIN, inTemporaryDirectory, must } from '../link/toolchain.js'
import { whyNoRust } from '../parity/inputs/rust.js'

const env = { PATH: `${DTLTO_BIN}${delimiter}${process.env['PATH'] ?? ''}` }
const SOURCE =
  'fn main() { let n: u32 = std::env::args().map(|a| a.len() as u32).min().unwrap(); println!("{}", n * 2); }\n'

it('rustc -Clinker=clang-22 -Clink-arg=-fuse-ld=dtlto -Clinker-plugin-lto', { skip: whyNoRust() ?? false }, () =>
  inTemporaryDirectory((directory) => {
    writeFileSync(join(directory, 'hello.rs'), SOURCE)
    const link = (...linkArgs: string[]): Buffer => {
      rmSync(join(directory, 'hello'), { force: true })
      const options = ['-O', '-Clinker-plugin-lto', `-Clinker=${CLANG}`, ...linkArgs.map((arg) => `-Clink-arg=${arg}`)]
      must('rustc', ['--edition=2021', ...options, 'hello.rs', '-o', 'hello'], { cwd: directory, env })
      return readFileSync(join(directory, 'hello'))
    }
    const stock = link('-fuse-ld=lld')
    const dtlto = link('-fuse-ld=dtlto', '-Wl,--distribute=local,--distribute-trace=trace.json')
    assert.ok(existsSync(join(directory, 'trace.json')), 'the linker was not dtlto')
    assert.ok(dtlto.equals(stock), 'the output differs')
    assert.equal(must(join(directory, 'hello'), ['four'], { cwd: directory }), '8\n')
  }),
)
