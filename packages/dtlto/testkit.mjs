/** `dtlto/testkit`: for tests of distributors. The linker programs never load it. */
export * from '@dtlto/testkit'
