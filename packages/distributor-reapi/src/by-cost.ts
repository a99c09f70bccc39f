/** Puts `item` into a list in which costlier ones come first, and equal ones in the order in which they came. */
export function insertByCost<T extends { readonly cost: number }>(list: T[], item: T): void {
  const before = list.findLastIndex(({ cost }) => cost >= item.cost)
  list.splice(before + 1, 0, item)
}
