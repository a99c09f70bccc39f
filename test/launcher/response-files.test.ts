/** Response files: read by the launcher as LLVM reads them, and only once where they can be read only once. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { native } from '@dtlto/native'
import { compile, DTLTO_BIN, inTemporaryDirectory, LLVM_BIN, LLVM_MAJOR, must, run } from '../link/toolchain.js'
import { createRandom } from '../parity/fuzz/random.js'

const LAUNCHER = fileURLToPath(new URL('../../packages/dtlto/launcher/', import.meta.url))

interface Format {
  readonly name: string
  readonly program: string
  readonly stock: string
  readonly target: string
  readonly args: readonly string[]
  readonly own: string
}

const FORMATS: readonly Format[] = [
  {
    name: 'ELF',
    program: 'ld.dtlto',
    stock: 'ld.lld',
    target: 'x86_64-linux-gnu',
    args: ['-e', 'main'],
    own: '--distribute=local',
  },
  {
    name: 'COFF',
    program: 'dtlto-link',
    stock: 'lld-link',
    target: 'x86_64-pc-windows-msvc',
    args: ['/entry:main', '/subsystem:console', '/nodefaultlib', '/Brepro'],
    own: '/distribute:local',
  },
  {
    name: 'Mach-O',
    program: 'ld64.dtlto',
    stock: 'ld64.lld',
    target: 'x86_64-apple-macos12',
    args: ['-arch', 'x86_64', '-platform_version', 'macos', '12', '12', '-e', '_main'],
    own: '--distribute=local',
  },
  {
    name: 'Wasm',
    program: 'wasm-ld.dtlto',
    stock: 'wasm-ld',
    target: 'wasm32-unknown-unknown',
    args: ['--no-entry', '--export=main'],
    own: '--distribute=local',
  },
]

describe('a response file that can be read once', () => {
  for (const { name, program, stock, target, args, own } of FORMATS) {
    it(`is read once: ${name}`, () =>
      inTemporaryDirectory((cwd) => {
        const sources = {
          'main.c': 'int twice(int); int main(void) { return twice(21); }',
          'twice.c': 'int twice(int a) { return a + a; }',
        }
        const objects = compile(cwd, sources, [`--target=${target}`])
        const output = name === 'COFF' ? ['/out:out'] : ['-o', 'out']
        const words = [...args, ...objects, ...output]
        must(join(LLVM_BIN, stock), words, { cwd })
        const expected = readFileSync(join(cwd, 'out'))
        must('mkfifo', ['fifo'], { cwd })
        writeFileSync(join(cwd, 'words'), `${words.join('\n')}\n`)
        writeFileSync(join(cwd, 'nested'), '@fifo')
        const linker = join(DTLTO_BIN, program)
        for (const option of ['', own]) {
          for (const script of [
            `"$1" @/dev/stdin ${option} < words`,
            `cat words | "$1" ${option} @/dev/stdin`,
            `"$1" ${option} @<(cat words)`,
            `cat words > fifo & "$1" ${option} @fifo`,
            `cat words > fifo & "$1" ${option} @nested`,
            `"$1" @<(cat words; echo ${option})`,
          ]) {
            rmSync(join(cwd, 'out'))
            const ran = run('bash', ['-c', script, 'bash', linker], { cwd })
            assert.deepEqual(ran, { exitCode: 0, stdout: '', stderr: '' }, script)
            assert.ok(readFileSync(join(cwd, 'out')).equals(expected), script)
          }
        }
      }))
  }
})

describe('a response file', () => {
  it('that cannot be read is one error, in the words of stock lld', () =>
    inTemporaryDirectory((cwd) => {
      writeFileSync(join(cwd, 'itself'), '@itself')
      for (const { program, stock, own } of FORMATS) {
        for (const file of ['@itself', '@.', '@']) {
          const expected = run(join(LLVM_BIN, stock), [file], { cwd })
          assert.notEqual(expected.exitCode, 0)
          assert.deepEqual(run(join(DTLTO_BIN, program), [file], { cwd }), expected, `${program} ${file}`)
          assert.deepEqual(run(join(DTLTO_BIN, program), [own, file], { cwd }), expected, `${program} ${own} ${file}`)
        }
      }
    }))

  it('is read with the quoting that the command line asks for, in all its spellings', () =>
    inTemporaryDirectory((cwd) => {
      writeFileSync(join(cwd, 'words'), String.raw`no\such\file "a'b" 'c d'`)
      writeFileSync(join(cwd, 'ours'), `${String.raw`no\such\file "a'b" 'c d'`} --distribute=local`)
      const spellings = [
        [],
        ['--rsp-quoting=windows'],
        ['--rsp-quoting', 'windows'],
        ['--rsp-quoting=windows', '--rsp-quoting', 'posix'],
        ['--rsp-quoting=posix', '--rsp-quoting=windows'],
        ['-rsp-quoting=windows'],
        ['-rsp-quoting', 'windows'],
        ['--rsp-quoting=other'],
      ]
      for (const [program, stock] of [
        ['ld.dtlto', 'ld.lld'],
        ['wasm-ld.dtlto', 'wasm-ld'],
      ] as const) {
        for (const spelling of spellings) {
          const expected = run(join(LLVM_BIN, stock), [...spelling, '@words'], { cwd })
          for (const file of ['@words', '@ours']) {
            const ran = run(join(DTLTO_BIN, program), [...spelling, file], { cwd })
            assert.deepEqual(ran, expected, `${program} ${spelling.join(' ')} ${file}`)
          }
        }
      }
    }))

  it('takes the place of a command line that is too long for another word', (context) =>
    inTemporaryDirectory((cwd) => {
      const [object = ''] = compile(cwd, { 'main.c': 'int main(void) { return 0; }' })
      const words = Array.from({ length: 15_000 }, (_, i) => `-L/${'directory'.repeat(12)}/${String(i)}`)
      for (const own of ['', '--distribute=local']) {
        let linked = 0
        for (let bytes = 2_097_152 - 30_000; bytes < 2_097_152; bytes += 1500) {
          const args: string[] = []
          let sum = Object.entries(process.env).reduce(
            (all, [key, value]) => all + key.length + (value?.length ?? 0) + 10,
            0,
          )
          for (const word of words) if (sum + word.length + 9 < bytes) sum += args.push(word) && word.length + 9
          const ran = spawnSync(
            join(DTLTO_BIN, 'ld.dtlto'),
            ['-e', 'main', '-o', 'out', object, ...args, ...(own ? [own] : [])],
            { cwd, encoding: 'utf8' },
          )
          if ((ran.error as NodeJS.ErrnoException | undefined)?.code === 'E2BIG') continue
          assert.deepEqual([ran.status, ran.stderr], [0, ''], `${own} ${String(bytes)}`)
          linked++
        }
        context.diagnostic(`${own}: ${String(linked)} links`)
        assert.ok(linked > 0)
      }
    }))
})

const PROGRAM = `
#include "response_files.h"
#include <cstdio>
int main(int, char **argv) {
  auto gnu = ${LLVM_MAJOR} >= 23 ? dtlto::Quoting::GnuKeepsEmpty : dtlto::Quoting::Gnu;
  auto quoting = argv[1][0] == 'w' ? dtlto::Quoting::Windows : gnu;
  for (char **name = argv + 2; *name; ++name) {
    for (const std::string &word : dtlto::expandResponseFiles({*name}, quoting).All)
      std::printf("%s\\n%c", word.c_str(), 0);
    std::printf("%c", 1);
  }
  for (char **name = argv + 2; *name; ++name) {
    auto words = dtlto::expandResponseFiles({*name}, quoting).All;
    auto again = dtlto::expandResponseFiles({"@" + dtlto::writeResponseFile(words, quoting)}, quoting).All;
    // GNU's quoting before LLVM 23 cannot write the empty word.
    for (size_t i = 0; i < words.size();)
      if (words[i].empty() && quoting == dtlto::Quoting::Gnu) words.erase(words.begin() + i); else ++i;
    if (words != again) std::printf("not written as read: %s", *name);
  }
}
`

describe('the reader of response files', () => {
  let cwd = ''
  before(() => {
    cwd = mkdtempSync(join(tmpdir(), 'dtlto-'))
    writeFileSync(join(cwd, 'read.cpp'), PROGRAM)
    const sources = ['response_files.cpp', 'text.cpp'].map((name) => join(LAUNCHER, name))
    must('g++', ['-std=c++17', '-fsanitize=address,undefined', `-I${LAUNCHER}`, 'read.cpp', ...sources, '-o', 'read'], {
      cwd,
    })
  })
  after(() => {
    rmSync(cwd, { recursive: true })
  })

  for (const quoting of ['gnu', 'windows'] as const) {
    it(`reads 600 random files as LLVM does: ${quoting}`, () => {
      const random = createRandom(quoting === 'gnu' ? 1 : 2)
      const pieces = [
        'a',
        'bc',
        ' ',
        '  ',
        '\t',
        '\n',
        '\r\n',
        '"',
        '""',
        "'",
        '\\',
        '\\\\',
        '\\"',
        '@@',
        '@f1',
        '@none',
        'é',
        '\\\n',
      ]
      const names = Array.from({ length: 600 }, (_, i) => {
        const count = random.below(30)
        let text = Array.from({ length: count }, () => pieces[random.below(pieces.length)]).join('')
        if (i === 1) text = 'inner "words of f1" @f1x'
        const encoding = random.below(12)
        const bytes =
          encoding === 0
            ? Buffer.from(`\uFEFF${text}𝄞`, 'utf16le')
            : encoding === 1
              ? Buffer.from(`\uFEFF${text}`, 'utf16le').swap16()
              : Buffer.from(encoding === 2 ? `\uFEFF${text}` : text)
        writeFileSync(join(cwd, `f${String(i)}`), bytes)
        return `@f${String(i)}`
      })
      const directory = process.cwd()
      process.chdir(cwd)
      try {
        const expected = names.map((name) =>
          native()
            .expandResponseFiles([name], quoting === 'windows')
            .map(String),
        )
        const read = must(join(cwd, 'read'), [quoting, ...names], { cwd })
        const ours = read.split('\u0001').map((words) => words.split('\n\0').slice(0, -1))
        assert.equal(ours.length, names.length + 1)
        assert.equal(read.slice(read.lastIndexOf('\u0001') + 1), '')
        names.forEach((name, i) => {
          assert.deepEqual(ours[i], expected[i], `${name}: ${JSON.stringify(readFileSync(name.slice(1), 'utf8'))}`)
        })
      } finally {
        process.chdir(directory)
      }
    })
  }
})
