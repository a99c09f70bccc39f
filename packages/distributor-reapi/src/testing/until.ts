import { setTimeout as sleep } from 'node:timers/promises'

/** Waits until `condition` holds, looking often; fails after `limitMs` of real time. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  limitMs = 10_000,
): Promise<void> {
  const startMs = performance.now()
  while (!(await condition())) {
    if (performance.now() - startMs > limitMs) throw new Error(`not within ${limitMs} ms: ${what}`)
    await sleep(10)
  }
}
