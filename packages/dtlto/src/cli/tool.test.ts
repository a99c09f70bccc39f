import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tool } from './tool.js'

test('each command says how it is called', async () => {
  for (const command of ['doctor', 'report', 'plan', 'stats', 'allow', 'deny']) {
    const said: string[] = []
    const exitCode = await tool([command, '--help'], (fd, text) => said.push(`${fd} ${text}`))
    assert.equal(exitCode, 0)
    assert.equal(said.length, 1)
    assert.match(said[0] ?? '', new RegExp(`^1   dtlto ${command}\\b`))
    assert.doesNotMatch(said[0] ?? '', /dtlto version/)
  }
})
