import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { instructionsIn, jobCost } from './job-cost.js'

/** Of ffmpeg 5.1.9, and what dtlto-codegen took for each. */
const JOBS = [
  { module: 'h264qpel.o', instructions: 124_433, importedBytes: 0, ms: 4110 },
  { module: 'opt_common.o', instructions: 4641, importedBytes: 108_279_443, ms: 3499 },
  { module: 'lavfutils.o', instructions: 767, importedBytes: 71_790_713, ms: 1821 },
  { module: 'tiff.o', instructions: 5901, importedBytes: 50_460_920, ms: 1671 },
  { module: 'framehash.o', instructions: 425, importedBytes: 50_070_085, ms: 1123 },
  { module: 'rdt.o', instructions: 1968, importedBytes: 1_298_844, ms: 160 },
  { module: 'hevc_data.o', instructions: 0, importedBytes: 0, ms: 70 },
]

describe("a job's cost", () => {
  it('puts jobs in the order of the times that they took, be it for their code or for what they import', () => {
    const byCost = [...JOBS].sort((a, b) => jobCost(b) - jobCost(a))
    assert.deepEqual(byCost, JOBS)
  })

  it('is near for each of them, in milliseconds of 0.05 a unit', () => {
    for (const job of JOBS.slice(0, -1)) {
      const ratio = (jobCost(job) * 0.05 + 40) / job.ms
      assert.ok(ratio > 0.6 && ratio < 1.6, `${job.module}: ${ratio}`)
    }
  })

  it('has about the same unit without summaries', () => {
    const [bytes, instructions] = [2_407_980, 124_433] // h264qpel.o
    const ratio = instructionsIn(bytes) / instructions
    assert.ok(ratio > 0.4 && ratio < 2.5, String(ratio))
  })
})
