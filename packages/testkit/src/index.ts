/** `@dtlto/testkit`: for tests of distributors, and of whatever drives them. */
export { fakeDistributor, isWholeFakeObject } from './fake-distributor.js'
export type { FakeCall, FakeClock, FakeDistributor, FakeOptions, FakeWorker, Fault } from './fake-distributor.js'
export { fakeJob } from './fake-job.js'
export { VirtualClock } from './virtual-clock.js'
