/**
 * What an engine takes for an action beside the compile (a sandbox, inputs, a compiler that starts), found out from those that it has executed: their times are near a line over the
 * jobs' costs, and the overhead is where that begins.
 */

/** Of one slot with debug information, for jobs that are too much alike to tell: 0.09 to 0.13 ms an instruction (git 2.39.5, on 2 shared cores). */
const MS_OF_COST = 0.1
/** Before so many are known nothing is said. */
const ENOUGH = 6
/** The newest count. */
const KEPT = 64
/** How much dearer the upper half must be to show what cost takes. */
const APART = 4

interface Executed {
  readonly cost: number
  readonly ms: number
}

export class ActionCosts {
  readonly #executed: Executed[] = []
  #line: { readonly overheadMs: number; readonly msOfCost: number } | undefined

  /** An action of one job of this cost kept a worker for so long. */
  add(cost: number, ms: number): void {
    this.#executed.push({ cost, ms })
    if (this.#executed.length > KEPT) this.#executed.shift()
    this.#line = undefined
  }

  /** Of an action, without its job; 0 while it is not known. */
  get overheadMs(): number {
    return this.#fitted().overheadMs
  }

  /** What a job of this cost takes of a worker, without the action. */
  workMs(cost: number): number {
    return cost * this.#fitted().msOfCost
  }

  #fitted(): { readonly overheadMs: number; readonly msOfCost: number } {
    if (this.#executed.length < ENOUGH) return { overheadMs: 0, msOfCost: MS_OF_COST }
    return (this.#line ??= this.#fit())
  }

  #fit(): { readonly overheadMs: number; readonly msOfCost: number } {
    const byCost = [...this.#executed].sort((a, b) => a.cost - b.cost)
    const half = byCost.length >> 1
    const [cheap, dear] = [middle(byCost.slice(0, half)), middle(byCost.slice(-half))]
    const isApart = dear.cost >= cheap.cost * APART
    const slope = (dear.ms - cheap.ms) / (dear.cost - cheap.cost)
    const msOfCost = isApart && slope > 0 ? slope : MS_OF_COST
    return { overheadMs: Math.max(0, cheap.ms - cheap.cost * msOfCost), msOfCost }
  }
}

/** Medians: one that was late says nothing. */
function middle(executed: readonly Executed[]): Executed {
  const at = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? 0
  return { cost: at(executed.map(({ cost }) => cost)), ms: at(executed.map(({ ms }) => ms)) }
}
