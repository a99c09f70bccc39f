/** Objects of the right form and the wrong content: the final link fails, and is done once more. */
import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { link } from 'dtlto'
import distcc from '../../packages/distributor-distcc/src/index.js'
import { tryRun } from '../programs/run.js'
import { CLANG, compile, DTLTO, inTemporaryDirectory, must, slowProgram, STOCK } from '../link/toolchain.js'
import { encodeAnswer, RecordingServer } from './recording-server.js'

/** Slow to compile: the server's answers, which are known, come before this machine has an object. */
const SOURCES = slowProgram(3, 12)
const MODULES = Object.keys(SOURCES).length
const NOTICE =
  /^ld\.dtlto: warning: distcc: the final link failed, with objects of distcc '127\.0\.0\.1:\d+', for which nobody can vouch: it is done once more, .*\n/

describe('a final link that fails because of an object from a server', () => {
  let server: RecordingServer
  const program = mkdtempSync(join(tmpdir(), 'dtlto-second-link-'))
  before(async () => {
    server = await RecordingServer.start()
    compile(program, SOURCES, ['-fPIC'])
    // The server knows all objects before it confuses them.
    await inTemporaryDirectory(async (cwd) => {
      const { args, options } = prepare(cwd)
      const { exitCode, stderr } = await tryRun(DTLTO, [...args, ...options, '--distribute-fallback=none'], { cwd })
      assert.deepEqual([exitCode, stderr, server.answers >= MODULES], [0, '', true])
    })
  })
  after(async () => {
    rmSync(program, { recursive: true })
    await server.stop()
  })

  /** A program, linked by stock lld. */
  const prepare = (cwd: string, more: readonly string[] = []): { args: string[]; stock: Buffer; options: string[] } => {
    const sources = Object.keys(SOURCES)
    for (const source of sources) {
      const object = source.replace('.c', '.o')
      cpSync(join(program, object), join(cwd, object))
    }
    const args = ['-shared', ...sources.map((source) => source.replace('.c', '.o')), ...more]
    must(STOCK, [...args, '-o', 'out'], { cwd })
    return { args: [...args, '-o', 'out'], stock: readFileSync(join(cwd, 'out')), options: distribute() }
  }
  const distribute = (): string[] => [`--distribute=distcc,hosts=${server.address}/6,stats-port=0,probe=false`]
  const confuse = (): void => {
    // Two objects for all jobs: their symbols are there twice, the others' not at all.
    server.answering = (good, all) => encodeAnswer({ object: (all.find((other) => other !== good) ?? good).object })
  }

  test('ends with the bytes of stock lld, and the server is named', () =>
    inTemporaryDirectory(async (cwd) => {
      const { args, stock, options } = prepare(cwd)
      confuse()
      const { exitCode, stdout, stderr } = await tryRun(DTLTO, [...args, ...options], { cwd })
      assert.equal(exitCode, 0, stderr)
      assert.match(stderr, NOTICE)
      assert.equal(stdout + stderr.replace(NOTICE, ''), '')
      assert.ok(readFileSync(join(cwd, 'out')).equals(stock), 'the output differs from that of stock lld')
      assert.deepEqual(
        readdirSync(cwd).filter((name) => /tmp/.test(name)),
        [],
      )
    }))

  for (const threads of [1, 8]) {
    test(`or crashes lld, on ${threads} of its threads, ends with the bytes of stock lld as well`, () =>
      inTemporaryDirectory(async (cwd) => {
        const { args, stock, options } = prepare(cwd)
        server.answering = (good) => encodeAnswer({ object: good.object })
        writeFileSync(join(cwd, 'crash.c'), CRASH)
        must(CLANG, ['-shared', '-fPIC', `-DTHREADS=${threads}`, 'crash.c', '-o', 'crash.so'], { cwd })
        const env = { ...process.env, LD_PRELOAD: './crash.so' }
        const { exitCode, stderr } = await tryRun(DTLTO, [...args, ...options], { cwd, env })
        assert.equal(exitCode, 0, stderr)
        assert.ok(existsSync(join(cwd, 'out.crashed')), 'lld has not crashed')
        assert.match(stderr, NOTICE)
        assert.equal(stderr.replace(NOTICE, ''), '')
        assert.ok(readFileSync(join(cwd, 'out')).equals(stock), 'the output differs from that of stock lld')
        assert.deepEqual(
          readdirSync(cwd).filter((name) => /tmp/.test(name)),
          [],
        )
      }))
  }

  test('with a text that fills a pipe which does not block is let out when it has gone well', () =>
    inTemporaryDirectory(async (cwd) => {
      const { args: few } = prepare(cwd)
      writeFileSync(
        join(cwd, 'many.s'),
        Array.from({ length: 2000 }, (_, i) => `.globl symbol_${i}\nsymbol_${i}: nop\n`).join(''),
      )
      must(CLANG, ['-c', 'many.s'], { cwd })
      const args = [...few, 'many.o', '-Map=-']
      const theirs = await tryRun(STOCK, args, { cwd })
      server.answering = (good) => encodeAnswer({ object: good.object })
      const nonblocking = ['-e', 'use Fcntl; fcntl(STDOUT, F_SETFL, O_WRONLY | O_NONBLOCK); exec @ARGV']
      const ours = await tryRun('perl', [...nonblocking, DTLTO, ...args, ...distribute()], { cwd })
      assert.ok(theirs.stdout.length > PIPE_BYTES, `${theirs.stdout.length} bytes`)
      assert.deepEqual([ours.exitCode, ours.stdout === theirs.stdout, ours.stderr], [0, true, theirs.stderr])
    }))

  test('with a text that cannot be written ends as stock lld ends', () =>
    inTemporaryDirectory(async (cwd) => {
      const { args } = prepare(cwd)
      server.answering = (good) => encodeAnswer({ object: good.object })
      rmSync(join(cwd, 'out'))
      const link = (...command: readonly string[]) =>
        tryRun('sh', ['-c', '"$@" -Map=- > /dev/full', 'sh', ...command, ...args], { cwd })
      const theirs = await link(STOCK)
      assert.match(theirs.stderr, /No space left on device/)
      const ours = await link(DTLTO, ...distribute())
      assert.deepEqual([ours.exitCode, ours.stderr], [theirs.exitCode, theirs.stderr])
    }))

  /** Nobody can read or write these twice: lld's own words are the only ones. */
  const forOnce: Readonly<Record<string, readonly string[]>> = {
    'a pipe for a linker script': ['--dynamic-list=/dev/fd/9'],
    'a pipe behind the letter of an option': ['-T/dev/fd/9'],
    'a pipe in a response file': ['@arguments'],
    'a fifo for an output': ['--dependency-file=fifo'],
    'a script for errors': ['--error-handling-script=./script'],
  }
  for (const [name, more] of Object.entries(forOnce)) {
    test(`is not done again with ${name}`, () =>
      inTemporaryDirectory(async (cwd) => {
        const { args, options } = prepare(cwd)
        must('mkfifo', ['fifo'], { cwd })
        writeFileSync(join(cwd, 'arguments'), '--dynamic-list=/dev/fd/9')
        writeFileSync(join(cwd, 'script'), '#!/bin/sh\n', { mode: 0o755 })
        server.answering = (good) => encodeAnswer({ object: good.object })
        const link = (...command: readonly string[]) => {
          const script = 'exec 8<>fifo; "$@" 9<<.\n{slow0;};\n.'
          return tryRun('sh', ['-c', script, 'sh', ...command, ...args, '--defsym=x=no_such_symbol', ...more], { cwd })
        }
        const theirs = await link(STOCK)
        const ours = await link(DTLTO, ...options)
        assert.deepEqual(ours, theirs)
        assert.notEqual(ours.exitCode, 0)
      }))
  }

  test('replaces what lld’s cache got', () =>
    inTemporaryDirectory(async (cwd) => {
      const cache = ['--thinlto-cache-dir=cache']
      const { args, stock, options } = prepare(cwd, cache)
      const entries = (): Map<string, string> =>
        new Map(
          readdirSync(join(cwd, 'cache'))
            .filter((name) => name.startsWith('llvmcache-'))
            .map((name) => [name, readFileSync(join(cwd, 'cache', name), 'latin1')]),
        )
      const theirs = entries()
      must('rm', ['-r', 'cache'], { cwd })
      confuse()
      const { exitCode, stderr } = await tryRun(DTLTO, [...args, ...options, '--distribute-cache=all'], { cwd })
      assert.equal(exitCode, 0, stderr)
      assert.match(stderr, NOTICE)
      assert.ok(readFileSync(join(cwd, 'out')).equals(stock))
      assert.deepEqual(entries(), theirs)
    }))

  test('and would fail anyway says what stock lld says, after the notice', () =>
    inTemporaryDirectory(async (cwd) => {
      const { args, options } = prepare(cwd)
      const wrong = [...args, '--defsym=x=no_such_symbol']
      const theirs = await tryRun(STOCK, wrong, { cwd })
      server.answering = (good) => encodeAnswer({ object: good.object })
      const ours = await tryRun(DTLTO, [...wrong, ...options], { cwd })
      assert.equal(ours.exitCode, theirs.exitCode)
      assert.notEqual(ours.exitCode, 0)
      assert.equal(ours.stderr.replace(NOTICE, ''), theirs.stderr)
    }))

  test('is not done again when lld had found errors before it asked for objects', () =>
    inTemporaryDirectory(async (cwd) => {
      const files = compile(cwd, SOURCES, ['--target=x86_64-apple-macos11'])
      const target = [
        '-arch',
        'x86_64',
        '-platform_version',
        'macos',
        '11.0',
        '11.0',
        '-dylib',
        '-bitcode_bundle',
        '-fatal_warnings',
      ]
      const args = [...target, ...files, '-o', 'out']
      const theirs = await tryRun(join(dirname(STOCK), 'ld64.lld'), args, { cwd })
      assert.match(theirs.stderr, /bitcode_bundle/)
      server.answering = (good) => encodeAnswer({ object: good.object })
      const before = server.answers
      const ours = await tryRun(join(dirname(DTLTO), 'ld64.dtlto'), [...args, ...distribute()], { cwd })
      assert.deepEqual([ours.exitCode, ours.stderr], [theirs.exitCode, theirs.stderr])
      assert.ok(server.answers > before, 'no object was made')
    }))

  test('is not done again where this machine may not compile', () =>
    inTemporaryDirectory(async (cwd) => {
      const { args, options } = prepare(cwd)
      confuse()
      const { exitCode, stderr } = await tryRun(DTLTO, [...args, ...options, '--distribute-fallback=none'], { cwd })
      assert.equal(exitCode, 1)
      assert.match(stderr, /ld\.lld: error: /)
      assert.doesNotMatch(stderr, /once more/)
    }))

  test('is done again in a program that embeds the link', () =>
    inTemporaryDirectory(async (cwd) => {
      const { args, stock } = prepare(cwd)
      confuse()
      const home = process.cwd()
      process.chdir(cwd)
      try {
        const warnings: string[] = []
        const { exitCode, stderr } = await link({
          flavour: 'elf',
          args,
          distributors: [
            { distributor: distcc, options: { hosts: [`${server.address}/6`], 'stats-port': 0, probe: false } },
          ],
          onEvent: (event) => {
            if (event.type === 'warning') warnings.push(event.message)
          },
        })
        assert.deepEqual([exitCode, stderr], [0, ''])
        assert.match(warnings.join('\n'), /^the final link failed, with objects of distcc '/)
        assert.ok(existsSync('out') && readFileSync('out').equals(stock))
      } finally {
        process.chdir(home)
      }
    }))
})

/** More than a pipe takes at once. */
const PIPE_BYTES = 65_536

/** Has lld crash when it puts its output in place: at the first time. For LD_PRELOAD. */
const CRASH = String.raw`
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static pthread_barrier_t Together;
static void *crash(void *Nothing) {
  pthread_barrier_wait(&Together);
  raise(SIGSEGV);
  return Nothing;
}

int rename(const char *From, const char *To) {
  size_t Length = strlen(To);
  int IsOutput = Length >= 3 && !strcmp(To + Length - 3, "out");
  if (IsOutput && open("out.crashed", O_CREAT | O_EXCL, 0600) >= 0) {
    pthread_barrier_init(&Together, 0, THREADS);
    pthread_t Thread;
    for (int I = 1; I < THREADS; ++I)
      pthread_create(&Thread, 0, crash, 0);
    crash(0);
  }
  return ((int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename"))(From, To);
}
`
