import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { DEFAULT_SETTINGS, type PartialSettings } from '../config/settings.js'
import { reporters } from './reporters.js'

const listeners = (settings: PartialSettings): number =>
  reporters({
    settings: { ...DEFAULT_SETTINGS, ...settings },
    program: 'ld.dtlto',
    flavour: 'gnu',
    argv: ['main.o'],
    env: {},
    workingDirectory: tmpdir(),
    warn: (message) => assert.fail(message),
    write: (text) => assert.fail(text),
  }).listeners.length

test('a link that is to tell nothing has nobody who listens to it', () => {
  assert.equal(listeners({}), 0)
})

test('and each thing that it is to tell has one', () => {
  assert.equal(listeners({ summary: true }), 1)
  assert.equal(listeners({ trace: join(tmpdir(), 'trace.json') }), 1)
  assert.equal(listeners({ report: join(tmpdir(), 'report.html') }), 1)
  assert.equal(listeners({ stats: true }), 1)
  assert.equal(listeners({ stats: true, report: join(tmpdir(), 'report.html') }), 1, 'both are made of one')
})
