/**
 * One line per test file, details of what fails or is skipped, and the test runner's own summary at the end. (The
 * built-in `spec` reporter prints a line per test, and its last lines are failures, not the summary.)
 */
import { relative, resolve } from 'node:path'
import { inspect } from 'node:util'
import { ROOT } from './root.mjs'

const SILENCE_MS = 10_000

/** @typedef {import('node:test/reporters').TestEvent} TestEvent */
/** @typedef {Extract<TestEvent, { type: 'test:complete' }>['data'] & { skip?: string | boolean, todo?: string | boolean }} Completed */

/** @typedef {{ tests: number, failures: number, output: string, completed: Completed | undefined, isReported: boolean }} FileState */

/**
 * The runner holds back the events of a file while an earlier file still runs, all but one: that the file is complete.
 * So a file is reported at its completion if its tests were seen by then, and otherwise once they have been.
 * @param {AsyncIterable<TestEvent>} events
 * @returns {AsyncGenerator<string, void>}
 */
export default async function* report(events) {
  /** @type {Map<string, FileState>} */
  const files = new Map()
  /** @param {string | undefined} file */
  const stateOf = (file = '') => {
    const state = files.get(file) ?? { tests: 0, failures: 0, output: '', completed: undefined, isReported: false }
    files.set(file, state)
    return state
  }
  /** @param {FileState} state */
  const reportFile = (state) => {
    if (state.completed === undefined || state.isReported) return ''
    state.isReported = true
    return fileLine(state.completed, state)
  }
  const start = Date.now()
  for await (const event of withSilence(events)) {
    if (event === undefined) {
      const done = [...files.values()].filter(({ isReported }) => isReported).length
      yield `… ${done} test files done, ${Math.round((Date.now() - start) / 1000)} s\n`
      continue
    }
    const { type, data } = event
    if (type === 'test:stdout' || type === 'test:stderr') stateOf(data.file).output += data.message
    else if (type === 'test:diagnostic' && data.file === undefined) {
      for (const state of files.values()) yield reportFile(state)
      yield `ℹ ${data.message}\n`
    } else if (type === 'test:complete') {
      const state = stateOf(data.file)
      if (isFile(data)) state.completed = data
      else yield testLines(data, state)
      for (const other of files.values())
        if (other.tests > 0 && (other !== state || isFile(data))) yield reportFile(other)
    } else if ((type === 'test:pass' || type === 'test:fail') && isFile(data)) yield reportFile(stateOf(data.file))
  }
}

/**
 * The events, and undefined whenever there was none for some seconds.
 * @param {AsyncIterable<TestEvent>} events
 * @returns {AsyncGenerator<TestEvent | undefined, void>}
 */
async function* withSilence(events) {
  const iterator = events[Symbol.asyncIterator]()
  let next = iterator.next()
  for (;;) {
    /** @type {NodeJS.Timeout | undefined} */
    let timer
    const silence = new Promise((resolve) => (timer = setTimeout(resolve, SILENCE_MS)))
    const result = await Promise.race([next, silence.then(() => undefined)])
    clearTimeout(timer)
    if (result === undefined) {
      yield undefined
      continue
    }
    if (result.done) return
    yield result.value
    next = iterator.next()
  }
}

/**
 * Whether this is the pseudo-test that stands for a file.
 * @param {{ name: string, file?: string | undefined }} test
 */
function isFile({ name, file }) {
  return file !== undefined && resolve(name) === file
}

/**
 * @param {Completed} test
 * @param {{ tests: number, failures: number }} state
 */
function testLines(test, state) {
  const error = failure(test)
  // A suite is no test, and one that fails does so because of a test that was reported already.
  const isSuite = test.details.type === 'suite'
  // One that is left out as a whole stands for its tests, of which nobody hears.
  const isLeftOut = test.skip !== undefined
  if (error?.failureType === 'subtestsFailed' || (isSuite && error === undefined && !isLeftOut)) return ''
  if (!isSuite || isLeftOut) state.tests++
  if (error !== undefined) {
    state.failures++
    const reason = error.cause ?? error
    const text = typeof reason === 'string' ? reason : inspect(reason, { colors: false })
    return `✖ ${place(test)}: ${test.name} (${seconds(test)})\n${indent(text)}\n`
  }
  if (!isLeftOut) return ''
  return `﹣ ${place(test)}: ${test.name} (skipped${typeof test.skip === 'string' ? `: ${test.skip}` : ''})\n`
}

/**
 * @param {Completed} test the pseudo-test that stands for the file
 * @param {{ tests: number, failures: number, output: string }} state
 */
function fileLine(test, state) {
  const file = relative(ROOT, test.file ?? '')
  const crashed = state.failures === 0 && failure(test) !== undefined
  if (!crashed && state.tests > 0 && state.failures === 0) return `✔ ${file} (${state.tests} tests, ${seconds(test)})\n`
  // A file that tests nothing passes in Node's eyes; here it is a mistake.
  if (state.tests === 0) process.exitCode = 1
  const reason = crashed ? 'failed outside its tests' : state.tests === 0 ? 'no test ran' : `${state.failures} failed`
  return `✖ ${file}: ${reason} (${seconds(test)})\n${state.output === '' ? '' : `${indent(state.output)}\n`}`
}

/**
 * @param {Completed} test
 * @returns {(Error & { failureType?: string }) | undefined}
 */
function failure(test) {
  // A todo may fail.
  return test.todo === undefined ? test.details.error : undefined
}

/** @param {Completed} test */
function place(test) {
  // Without the line: for TypeScript, the runner knows the line in the JavaScript only.
  return relative(ROOT, test.file ?? '')
}

/** @param {Completed} test */
function seconds(test) {
  return `${(test.details.duration_ms / 1000).toFixed(1)} s`
}

/** @param {string} text */
function indent(text) {
  return text.trimEnd().replace(/^/gm, '    ')
}
