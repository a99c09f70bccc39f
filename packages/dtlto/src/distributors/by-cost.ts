/**
 * Puts what waits for a job into a list in which the costliest job's is first, and equal ones are in the order in which they came. Jobs are asked for by the hundred, and each needs the
 * event loop, other threads and calls several times before it can be sent: first come, first served, the job that ends the link would be sent with the last. `cost`: as `BackendJob.cost`.
 */
export function insertByCost<T extends { readonly cost: number }>(list: T[], item: T): void {
  const before = list.findLastIndex(({ cost }) => cost >= item.cost)
  list.splice(before + 1, 0, item)
}
