import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { withLock } from '../../scripts/lock.mjs'

describe('the lock between processes', () => {
  let directory = ''
  let file = ''
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'dtlto-lock-'))
    file = join(directory, 'sub/lock')
  })
  afterEach(() => rm(directory, { recursive: true, force: true }))

  it('lets one in at a time, and leaves nothing behind', async () => {
    let inside = 0
    const visits = Array.from({ length: 3 }, () =>
      withLock(file, async () => {
        assert.equal(++inside, 1)
        await sleep(20)
        inside--
      }),
    )
    await Promise.all(visits)
    assert.equal(existsSync(file), false)
  })

  it('is released when the action fails', async () => {
    await assert.rejects(
      withLock(file, () => Promise.reject(new Error('no'))),
      /no/,
    )
    assert.equal(await withLock(file, () => 'yes'), 'yes')
  })

  it('is taken over from an owner that was killed', async () => {
    const { pid } = spawnSync('true')
    await withLock(file, () => undefined)
    await writeFile(file, String(pid))
    assert.equal(await withLock(file, () => 'mine'), 'mine')
  })
})
