/**
 * Makes a recorded link for the simulator of a trace, much smaller than the trace:
 *
 *     ld.dtlto --distribute=local --distribute-trace=trace.json …
 *     node --import tsx bench/simulator/record.ts trace.json 'git 2.39.5' > bench/simulator/git.json
 */
import { readLink } from './links.js'

const [trace, name] = process.argv.slice(2)
if (trace === undefined || name === undefined) {
  console.error('usage: node --import tsx bench/simulator/record.ts TRACE NAME')
  process.exit(2)
}
const jobs = readLink(trace).jobs.map(({ measuredMs, ...job }) =>
  JSON.stringify({ ...job, measuredMs: Math.round(measuredMs * 10) / 10 }),
)
console.log(
  `{\n  "dtltoLink": 1,\n  "name": ${JSON.stringify(name)},\n  "jobs": [\n    ${jobs.join(',\n    ')}\n  ]\n}`,
)
