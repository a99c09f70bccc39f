/** Takes the first result of each job, as lld does, and nothing else of it: `accept` for a schedule without a link. `placed`: the indexes of jobs that have one. */
export function placeOnce(placed = new Set<number>()): (job: { readonly index: number }) => 'placed' | 'lost' {
  return ({ index }) => {
    if (placed.has(index)) return 'lost'
    placed.add(index)
    return 'placed'
  }
}
