/** A process that takes all tokens of a jobserver, says so, and ends as it is told to. For jobserver.test.ts. */
import { writeSync } from 'node:fs'
import { JobserverSlots } from './jobserver-slots.js'
import { openJobserver } from './jobserver.js'

const [, , path = '', end = ''] = process.argv
const jobserver = openJobserver({ kind: 'fifo', path, text: '' })
if (!jobserver) throw new Error(`no jobserver at '${path}'`)
const slots = new JobserverSlots(
  jobserver,
  () => 4,
  () => undefined,
  () => performance.now(),
)
slots.prepare(4)
slots.demand(4, 1)
writeSync(1, `${String(slots.slots)}\n`)
// eslint-disable-next-line no-restricted-properties -- how a process ends is what this is about
setTimeout(() => process.exit(3), end === 'exit' ? 100 : 20_000)
