import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { compare } from './compare.js'
import type { Link, Run } from './results.js'

const CALL = ['ld.lld', '/tmp', 'a.o']

function runOf(
  link: Partial<Link> = {},
  files: Readonly<Record<string, string>> = { 'a.out': '1' },
  verdict = 'PASS',
): Run {
  const whole: Link = { call: CALL, exitCode: '0', stdout: 'one\ntwo\n', stderr: undefined, ...link }
  return {
    verdicts: new Map([['a.test', verdict]]),
    links: new Map([[whole.call.join(' '), [whole]]]),
    files: new Map(Object.entries(files)),
  }
}

function kinds(stock: Run, other: Run, again?: Run): string[] {
  return compare(stock, other, again && compare(stock, again)).map(({ kind }) => kind)
}

describe('what the tests left with stock lld and with dtlto', () => {
  it('is the same when all is the same', () => {
    assert.deepEqual(kinds(runOf(), runOf()), [])
  })

  it('differs in a verdict', () => {
    assert.deepEqual(kinds(runOf(), runOf({}, undefined, 'FAIL')), ['verdict'])
  })

  it('differs in an exit code, a line that is other, missing or one too many, and in a link that was not made', () => {
    assert.deepEqual(kinds(runOf(), runOf({ exitCode: '1' })), ['link'])
    for (const stdout of ['one\nthree\n', 'one\n', 'one\ntwo\ntwo\n', '']) {
      assert.deepEqual(kinds(runOf(), runOf({ stdout })), ['link'], stdout)
    }
    assert.deepEqual(kinds(runOf(), runOf({ stderr: 'more' })), ['link'])
    assert.deepEqual(kinds(runOf(), { ...runOf(), links: new Map() }), ['link'])
  })

  it('differs in the bytes of a file, and in files that are missing or too many', () => {
    for (const files of [{ 'a.out': '2' }, {}, { 'a.out': '1', b: '1' }]) {
      assert.deepEqual(kinds(runOf(), runOf({}, files)), ['file'])
    }
  })

  it('does not differ in the order of lines, as backends end in any', () => {
    assert.deepEqual(kinds(runOf(), runOf({ stdout: 'two\none\n' })), [])
  })

  it('differs in the order of a crash report', () => {
    const report = { stdout: 'Stack dump:\none\ntwo\n' }
    assert.deepEqual(kinds(runOf(report), runOf({ stdout: 'Stack dump:\ntwo\none\n' })), ['link'])
  })

  it('may differ in the events of a time trace, but not in its totals and names', () => {
    const trace = (...names: string[]): Partial<Link> => {
      const events = names.map((name) =>
        name === 'ld' ? `{"ph":"M","args":{"name":"ld"}}` : `{"ph":"X","name":"${name}"}`,
      )
      return { stdout: `{"traceEvents":[${events.join(',')}]}\n` }
    }
    const [stock, again] = [runOf(trace('a', 'b', 'Total b', 'ld')), runOf(trace('b', 'a', 'Total b', 'ld'))]
    assert.deepEqual(kinds(stock, runOf(trace('b', 'Total b', 'ld')), again), [])
    assert.deepEqual(kinds(stock, runOf(trace('a', 'b', 'Total c', 'ld')), again), ['link'])
    assert.deepEqual(kinds(stock, runOf(trace('a', 'b', 'Total b')), again), ['link'])
  })

  it('may differ in numbers where stock lld does itself, and in nothing else', () => {
    const [stock, again] = [runOf({ stdout: '0.1 s\n' }), runOf({ stdout: '0.2 s\n' })]
    assert.deepEqual(kinds(stock, runOf({ stdout: '0.3 s\n' }), again), [])
    assert.deepEqual(kinds(stock, runOf({ stdout: '' }), again), ['link'])
  })

  it('may lack a column of times where all are zero', () => {
    const times = '  --User Time---  --System Time--  --- Name ---\n  0.1 ( 99.0%)  0.1 (100.0%)  Pass\n'
    const fewer = '  --User Time---  --- Name ---\n  0.1 ( 98.0%)  Pass\n'
    const [stock, again] = [runOf({ stdout: times }), runOf({ stdout: times.replace('99', '98') })]
    assert.deepEqual(kinds(stock, runOf({ stdout: fewer }), again), [])
    assert.deepEqual(kinds(stock, runOf({ stdout: fewer.replace('Pass', 'Other') }), again), ['link'])
  })

  it('may differ in the bytes of a file where stock lld does itself, but not lack it', () => {
    const [stock, again] = [runOf({}, { trace: '1' }), runOf({}, { trace: '2' })]
    assert.deepEqual(kinds(stock, runOf({}, { trace: '3' }), again), [])
    assert.deepEqual(kinds(stock, runOf({}, {}), again), ['file'])
  })

  it('ends with dtlto’s own options after lld’s help', () => {
    const help = { call: [...CALL, '--help'] }
    assert.deepEqual(kinds(runOf(help), runOf({ ...help, stdout: 'one\ntwo\nmore\n' })), [])
    assert.deepEqual(kinds(runOf(help), runOf({ ...help, stdout: 'one\nmore\n' })), ['link'])
  })
})
