import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { BackendJob, JobPackage } from '../interface.js'
import { WorkerProcesses } from './worker-processes.js'

const packed = {
  kind: 'package',
  llvmVersion: '22.1.0',
  task: 0,
  objectName: '',
  replayedArgs: [],
  blobs: [],
} as unknown as JobPackage
const job = { moduleId: 'a.o', package: () => Promise.resolve(packed) } as unknown as BackendJob

describe('worker processes', () => {
  it('go to the next that waits where the first does not want one any more', async () => {
    // Takes jobs and never answers.
    const processes = new WorkerProcesses(
      { name: "'silent'", file: '/bin/sh', args: ['-c', 'exec cat > /dev/null'], isElsewhere: false },
      { llvmVersion: '22.1.0', now: () => performance.now(), onFewer: () => undefined },
    )
    processes.most = 1
    const compile = () => {
      const controller = new AbortController()
      let sent = (): void => undefined
      const isSent = new Promise<void>((resolve) => (sent = resolve))
      const ended = processes.compile(job, controller.signal, sent).then(
        () => 'compiled',
        () => 'ended',
      )
      return { isSent, ended, abort: () => controller.abort() }
    }
    const first = compile()
    await first.isSent
    const second = compile()
    const third = compile()
    await new Promise((resolve) => setImmediate(resolve))
    second.abort()
    first.abort()
    assert.deepEqual(await Promise.all([first.ended, second.ended]), ['ended', 'ended'])
    await third.isSent
    third.abort()
    assert.equal(await third.ended, 'ended')
    processes.destroy()
  })
})
