/** `@dtlto/testkit`: for tests of distributors, and of whatever drives them. */
export { conformance, conformanceFailures } from './conformance/conformance.js'
export type { ConformanceCheck, ConformanceOptions } from './conformance/conformance.js'
export type { Limits } from './conformance/bench.js'
export { fakeDistributor, isWholeFakeObject } from './fake-distributor.js'
export type { FakeCall, FakeClock, FakeDistributor, FakeOptions, FakeWorker, Fault } from './fake-distributor.js'
export { fakeJob } from './fake-job.js'
export { VirtualClock } from 'dtlto/plugin'
