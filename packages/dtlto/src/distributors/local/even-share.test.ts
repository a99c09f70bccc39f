import assert from 'node:assert/strict'
import { performance } from 'node:perf_hooks'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { EvenShare, evenShare } from './even-share.js'

test('links share slots evenly, the first ones take what is left over, and none gets nothing', () => {
  const shares = (slots: number, ...names: string[]) => names.map((own) => evenShare(names, own, slots))
  assert.deepEqual(shares(12, 'a', 'b', 'c'), [4, 4, 4])
  assert.deepEqual(shares(8, 'a', 'b', 'c'), [3, 3, 2])
  assert.deepEqual(shares(2, 'a', 'b', 'c'), [1, 1, 1])
  assert.deepEqual(shares(8, 'a'), [undefined])
  assert.equal(evenShare([], 'a', 8), undefined)
  assert.equal(evenShare(['b'], 'a', 3), 2)
})

test('a link that sees another one takes half, and all again when that one has ended', async (t) => {
  let changes = 0
  const share = (): EvenShare =>
    new EvenShare(
      () => 8,
      () => changes++,
      () => performance.now(),
      'dtlto-test',
    )
  const first = share()
  const second = share()
  t.after(() => {
    first.close()
    second.close()
  })
  const until = async (condition: () => boolean): Promise<void> => {
    for (const endMs = performance.now() + 5_000; !condition() && performance.now() < endMs; ) await setTimeout(10)
    assert.ok(condition())
  }

  first.demand(2, 0)
  await setTimeout(400)
  assert.deepEqual([first.slots, first.limit, changes], [8, Infinity, 0], 'alone: as if nothing of this existed')
  second.demand(8, 1)
  await until(() => first.slots === 4 && second.slots === 4)
  assert.deepEqual([first.limit, changes], [4, 2])
  second.close()
  await until(() => first.slots === 8)
  second.demand(2, 0)
  await setTimeout(400)
  assert.equal(first.slots, 8, 'who has closed stays away')
})

test('a link with one job left does not hold a share any more', async (t) => {
  const links = [0, 1].map(
    () =>
      new EvenShare(
        () => 2,
        () => undefined,
        () => performance.now(),
        'dtlto-tail',
      ),
  )
  const [first, second] = links as [EvenShare, EvenShare]
  t.after(() => {
    for (const link of links) link.close()
  })
  first.demand(2, 1)
  second.demand(2, 1)
  await setTimeout(500)
  assert.deepEqual([first.slots, second.slots], [1, 1])
  second.demand(1, 0)
  await setTimeout(500)
  assert.deepEqual([first.slots, second.slots], [2, 2])
})
