import type { BackendJob } from 'dtlto/plugin'

/** A job with facts and no bytes. */
export function fakeJob(index: number, facts: Partial<Omit<BackendJob, 'index'>> = {}): BackendJob {
  return {
    index,
    task: index + 1,
    moduleId: `module-${String(index)}.o`,
    targetTriple: 'x86_64-unknown-linux-gnu',
    bitcodeBytes: 10_000,
    importedModules: 0,
    importedBytes: 0,
    cost: 1_000,
    cacheKey: () => index.toString(16).padStart(40, '0'),
    package: () => Promise.resolve({ kind: 'cannot', reason: 'a fake job has no bytes' }),
    ...facts,
  }
}
