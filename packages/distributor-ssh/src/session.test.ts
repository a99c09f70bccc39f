import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import type { Attempt, JobPackage } from 'dtlto/plugin'
import { Session } from './session.js'
import type { SshProcess } from './ssh-process.js'
import { DEFAULT_TUNING } from './tuning.js'

test('an answer that is cut off is told to whoever waits for it, and ends the connection', async () => {
  const stdout = new PassThrough()
  let isKilled = false
  const ssh = {
    stdin: new PassThrough().resume(),
    stdout,
    ended: new Promise(() => undefined),
    kill: () => (isKilled = true),
  } as unknown as SshProcess
  const lost: string[] = []
  const context = {
    name: 'build1',
    tuning: DEFAULT_TUNING,
    now: () => performance.now(),
    onFacts: () => undefined,
    onLost: ({ message }: Error) => lost.push(message),
  }
  const session = new Session(ssh, Buffer.alloc(0), context, { sentBytes: 0 })
  const job = { kind: 'package', blobs: [], replayedArgs: [], objectName: 'a.o', llvmVersion: '22.1.8', task: 0 }
  const compiled = session.compile(job as unknown as JobPackage, { signal: new AbortController().signal } as Attempt)
  const answer = Buffer.alloc(16)
  answer.write('DONE')
  answer.writeUInt32LE(1, 4)
  // It announces no byte more.
  setImmediate(() => stdout.write(answer))
  await assert.rejects(compiled, { code: 'DTLTO_DISTRIBUTOR_FAILED', message: /'build1': .*cut off/ })
  assert.ok(isKilled)
  assert.equal(lost.length, 1)
})
