import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
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

const until = async (condition: () => boolean): Promise<void> => {
  for (const endMs = performance.now() + 20_000; !condition() && performance.now() < endMs; ) await setTimeout(10)
  assert.ok(condition())
}

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
  await until(() => first.slots === 1 && second.slots === 1)
  second.demand(1, 0)
  await until(() => first.slots === 2 && second.slots === 2)
})

/** Another process that binds a name, in which PID is its number, until it is killed. `as`: what starts it. */
async function bind(name: string, as: readonly string[] = ['env']): Promise<ChildProcess> {
  const path = `'\\0${name}'.replace('PID', process.pid)`
  const text = `require('node:net').createServer().listen({ path: ${path} }, () => console.log('bound'))`
  const [program = 'env', ...args] = as
  const child = spawn(program, [...args, process.execPath, '-e', text], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  return child
}

/** The first link in a group takes a look every tenth of a second, so a share that is never given shows after a few. */
async function sharesWith(group: string): Promise<boolean> {
  let looks = 0
  const now = (): number => {
    looks++
    return performance.now()
  }
  const share = new EvenShare(
    () => 8,
    () => undefined,
    now,
    group,
  )
  share.demand(8, 8)
  try {
    while (looks < 6 && share.slots === 8) await setTimeout(10)
    return share.slots !== 8
  } finally {
    share.close()
  }
}

test('a name that another process has bound for this one, or for one without the socket, does not count', async () => {
  const child = await bind(`dtlto-forged-${String(process.pid)}-1`)
  try {
    assert.equal(await sharesWith('dtlto-forged'), false)
  } finally {
    child.kill()
  }
})

const skip = process.getuid?.() === 0 ? false : 'only root can start processes of other users'
test('a link of another user does not count', { skip }, async () => {
  const stranger = await bind('dtlto-stranger-PID-1', ['setpriv', '--reuid=65534', '--clear-groups'])
  try {
    assert.equal(await sharesWith('dtlto-stranger'), false)
  } finally {
    stranger.kill()
  }
  const friend = await bind('dtlto-friend-PID-1')
  try {
    assert.equal(await sharesWith('dtlto-friend'), true)
  } finally {
    friend.kill()
  }
})
