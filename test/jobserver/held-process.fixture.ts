/** A process that has something to give back at its end, and plugins that may not end it. For signals.test.ts. */
import { writeSync } from 'node:fs'
import { holdProcess } from '../../packages/dtlto/src/cli/hold-process.js'
import { atProcessEnd } from '../../packages/dtlto/src/slots/process-end.js'

atProcessEnd(() => writeSync(1, 'given back\n'))
holdProcess()
const refused = [process.pid, -process.pid, 0, -1].filter((pid) => {
  try {
    process.kill(pid, 'SIGUSR2')
    return false
  } catch {
    return true
  }
})
writeSync(1, `${refused.length} refused\n`)
setTimeout(() => undefined, 60_000)
