import assert from 'node:assert/strict'
import type { Endpoint } from 'dtlto/plugin'

export const accepts = ({ accepting, slots }: Endpoint): boolean => accepting && slots > 0

/** What `endpoints()` gave. */
export function checkEndpoints(endpoints: readonly Endpoint[]): void {
  const isArray: boolean = Array.isArray(endpoints)
  assert.ok(isArray, 'endpoints() should give an array, and at once')
  for (const endpoint of endpoints) checkEndpoint(endpoint)
  const ids = new Set(endpoints.map(({ id }) => id))
  assert.equal(ids.size, endpoints.length, 'endpoints() should have ids of their own')
}

function checkEndpoint(endpoint: Endpoint): void {
  const { id, slots, accepting, hasQueue, speed, text } = endpoint
  assert.ok(typeof id === 'string' && id !== '', `an endpoint's id should be its name, not ${JSON.stringify(id)}`)
  assert.ok(
    Number.isInteger(slots) && slots >= 0,
    `the endpoint '${id}' should have a whole number of slots from 0, not ${String(slots)}`,
  )
  assert.equal(typeof accepting, 'boolean', `the endpoint '${id}' should have true or false for accepting`)
  for (const name of ['busyElsewhere', 'latencyMs', 'queueLimitMs', 'deadlineMs'] satisfies (keyof Endpoint)[]) {
    const value = endpoint[name]
    const isGood = value === undefined || (value >= 0 && value < Infinity)
    assert.ok(isGood, `the endpoint '${id}' should leave ${name} out or have at least 0, not ${String(value)}`)
  }
  assert.ok(
    speed === undefined || (speed > 0 && speed < Infinity),
    `the endpoint '${id}' should leave speed out or have a positive one, not ${String(speed)}`,
  )
  assert.match(typeof hasQueue, /boolean|undefined/, `the endpoint '${id}' should have true or false for hasQueue`)
  assert.ok(
    text === undefined || (typeof text === 'string' && !text.includes('\n')),
    `the endpoint '${id}' should have one line of text`,
  )
}
