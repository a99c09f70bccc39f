import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { describe, it } from 'node:test'
import { whyNotAnObject } from './object-check.js'
import { probeBitcode } from './probe.js'
import { parseStatistics } from './statistics.js'
import { whyNoDistccd } from './testing/distccd.js'
import { makeProbe } from './testing/make-probe.js'
import { judge, splitStderr } from './verdict.js'
import { CLANG, LLVM } from './testing/llvm.js'

const TARGETS = [
  'x86_64-unknown-linux-gnu',
  'i686-unknown-linux-gnu',
  'aarch64-unknown-linux-gnu',
  'armv7-unknown-linux-gnueabihf',
  'riscv64-unknown-linux-gnu',
  's390x-unknown-linux-gnu',
  'powerpc64le-unknown-linux-gnu',
  'x86_64-pc-windows-msvc',
  'x86_64-w64-windows-gnu',
  'aarch64-pc-windows-msvc',
  'arm64-apple-macos13',
  'x86_64-apple-macos13',
  'wasm32-unknown-unknown',
]
const skip = whyNoDistccd() ?? false

describe('an object', { skip }, () => {
  const compile = (target: string): Buffer =>
    execFileSync(CLANG, [`--target=${target}`, '-x', 'c', '-c', '-', '-o', '-'], {
      input: 'int f(int x) { return x + 1; }',
    })

  it('is told by format and machine, for every target', () => {
    const objects = TARGETS.map((target) => [target, compile(target)] as const)
    const families = (target: string): string => target.replace('-w64-windows-gnu', '-pc-windows-msvc')
    for (const [made, object] of objects) {
      for (const expected of TARGETS) {
        const wrong = whyNotAnObject(object, expected)
        assert.equal(wrong === undefined, families(made) === families(expected), `${made} as ${expected}: ${wrong}`)
      }
    }
  })

  it('that was cut off, is empty or is bitcode is refused', () => {
    const object = compile('x86_64-unknown-linux-gnu')
    for (const size of [0, 3, 10, 40, 100, object.length - 1]) {
      assert.notEqual(whyNotAnObject(object.subarray(0, size), 'x86_64-unknown-linux-gnu'), undefined, `${size} bytes`)
    }
    assert.match(
      whyNotAnObject(Buffer.from(probeBitcode(LLVM).main, 'base64'), 'x86_64-unknown-linux-gnu') ?? '',
      /something else/,
    )
  })
})

describe('the probe', () => {
  it('is what its generator makes', {
    skip: skip === false && hasOpt() ? false : `opt-${LLVM} is not installed`,
  }, () => {
    assert.deepEqual(makeProbe(), probeBitcode(LLVM))
  })
})

describe('the verdict on an answer', () => {
  const verdict = (status: number, stderr = ''): string => {
    const { kind } = judge({ status, stderr, stdout: '', object: new Uint8Array(0) }, 'x86_64-unknown-linux-gnu')
    return kind
  }

  it('blames the module only for what clang says about it', () => {
    assert.equal(verdict(0x100, 'error: invalid record'), 'does-not-compile')
    assert.equal(verdict(0x100, `clang (LLVM option parsing): Unknown command line argument '-x'.`), 'cannot')
    assert.equal(verdict(0x100, ''), 'failed')
    assert.equal(verdict(0x100, 'fatal error: error in backend: IO failure: No space left on device'), 'failed')
    assert.equal(verdict(0x100, `clang-22: error: no such file or directory: 'm'`), 'failed')
    assert.equal(verdict(0x4600, 'clang-22: error: clang frontend command failed with exit code 70'), 'failed')
    assert.equal(verdict(0x6e00), 'refused')
    assert.equal(verdict(0x7600), 'failed')
    assert.equal(verdict(0x6b00), 'failed')
    assert.equal(verdict(9), 'failed')
    assert.equal(verdict(0x8b), 'failed')
    assert.equal(
      verdict(0x100, `error: unable to create target: 'No available targets are compatible with triple "x"'`),
      'refused',
    )
    assert.equal(verdict(0), 'rejected')
  })

  it('is that it spoke whenever anything was printed, for the linker to compile the job', () => {
    const spoke = (answer: Partial<Parameters<typeof judge>[0]>): unknown =>
      judge({ status: 0, stderr: '', stdout: '', object: Uint8Array.of(1), ...answer }, 'x86_64-unknown-linux-gnu')
    const locale = 'bash: warning: setlocale: LC_ALL: cannot change locale (xx)\nmore\n'
    assert.deepEqual(spoke({ stderr: `sh: ${locale}` }), {
      kind: 'spoke',
      text: 'sh: bash: warning: setlocale: LC_ALL: cannot change locale (xx)',
      isDiagnostics: false,
    })
    assert.deepEqual(spoke({ stderr: 'warning: m: w [-Wx]\n1 warning generated.\n' }), {
      kind: 'spoke',
      text: 'warning: m: w [-Wx]',
      isDiagnostics: true,
    })
    assert.deepEqual(spoke({ stdout: 'x'.repeat(1000) }), {
      kind: 'spoke',
      text: 'x'.repeat(200),
      isDiagnostics: false,
    })
    assert.deepEqual(spoke({ excess: 'text' }), { kind: 'spoke', text: 'more text than is read', isDiagnostics: false })
    assert.deepEqual(spoke({ excess: 'text', status: 0x100 }), {
      kind: 'spoke',
      text: 'more text than is read',
      isDiagnostics: true,
    })
  })

  it('takes stderr apart into diagnostics and the rest', () => {
    const text =
      'clang-22: warning: w1 [-Wx]\nm.o: error: e\nprinted\n<inline asm>:1:2: note: n\n2 warnings generated.\n'
    assert.deepEqual(splitStderr(text), {
      diagnostics: [
        { severity: 'warning', message: 'w1' },
        { severity: 'error', message: 'm.o: e' },
        { severity: 'note', message: '<inline asm>:1:2: n' },
      ],
      rest: 'printed\n',
    })
  })
})

describe('a statistics page', () => {
  it('is read for what it has, whatever is missing or new', () => {
    const page =
      'argv /distccd\n<distccstats>\ndcc_max_kids 3\ndcc_load1 0.96\ndcc_current_load -1\ndcc_free_space 80473 MB\nnew x\n</distccstats>'
    assert.deepEqual(parseStatistics(page), { maxJobs: 3, runningTasks: undefined, load: 0.96, freeMegabytes: 80473 })
    assert.deepEqual(parseStatistics('<distccstats>\ndcc_max_kids 0'), {
      maxJobs: undefined,
      runningTasks: undefined,
      load: undefined,
      freeMegabytes: undefined,
    })
    assert.equal(parseStatistics('<html>'), undefined)
  })
})

function hasOpt(): boolean {
  try {
    execFileSync(`opt-${LLVM}`, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
