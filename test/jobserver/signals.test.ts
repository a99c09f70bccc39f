import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const FIXTURE = fileURLToPath(new URL('held-process.fixture.ts', import.meta.url))

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const) {
  test(`${signal} ends a link with plugins, which may not end it themselves, and gives back what it holds`, async () => {
    // In a group of its own, which it leads.
    const child = spawn(process.execPath, ['--import', 'tsx', FIXTURE], {
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
    await once(child.stdout, 'data')
    assert.equal(said, '4 refused\n')
    const closed = once(child, 'close')
    child.kill(signal)
    assert.deepEqual(await closed, [null, signal])
    assert.equal(said, '4 refused\ngiven back\n')
  })
}
