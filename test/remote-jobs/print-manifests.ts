/** Prints the manifests of a link's jobs as JSON: `print-manifests.ts ARGV…`. lld's Wasm flavour links with LTO once in a process. */
import { keptJobs } from './jobs.js'

const jobs = await keptJobs(process.argv.slice(2), { objects: false })
console.log(JSON.stringify(jobs.map(({ manifest }) => manifest)))
