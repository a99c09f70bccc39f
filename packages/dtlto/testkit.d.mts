export * from '@dtlto/testkit'
