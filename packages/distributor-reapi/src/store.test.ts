import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { afterEach, describe, it } from 'node:test'
import { credentials } from '@grpc/grpc-js'
import { bytesBlob } from './blob.js'
import { Compression } from './compression.js'
import { Channel } from './grpc/channel.js'
import { Store } from './store.js'
import { FakeEngine, type Faults } from './testing/fake-engine.js'

/** Too large for a batch, and several chunks of a stream. */
const BLOB = bytesBlob(randomBytes(3 * 1024 ** 2))

describe('the storage', () => {
  let engine: FakeEngine
  let channel: Channel
  afterEach(() => {
    channel.close()
    engine.stop()
  })

  /** `token`: what it says who it is, until it is refused. */
  const storeFor = async (faults: Faults, token = 'good'): Promise<Store> => {
    engine = await FakeEngine.start({ token: 'good', ...faults })
    const { host } = new URL(engine.address)
    channel = new Channel(host, credentials.createInsecure(), (refused) =>
      Promise.resolve({ authorization: refused === undefined ? token : 'good' }),
    )
    const facts = { instanceName: '', signal: new AbortController().signal, headers: {} }
    return new Store(channel, facts, new Compression(undefined, false))
  }

  it('is sent a whole blob once more where the token of the first stream had expired', async () => {
    const store = await storeFor({}, 'expired')
    assert.equal(await store.ensure([BLOB]), 1)
    assert.ok(engine.blobs.get(BLOB.digest.hash)?.equals((BLOB.from as { bytes: Buffer }).bytes))
    assert.equal(engine.count('Write'), 2)
    assert.equal(store.totals.sentBytes, BLOB.digest.sizeBytes)
  })

  it('is sent what it does not have, and not what it has', async () => {
    const store = await storeFor({})
    const [there, missing] = [bytesBlob(randomBytes(10)), bytesBlob(randomBytes(10))]
    assert.equal(await store.ensure([there]), 1)
    store.forget([there.digest.hash])
    assert.equal(await store.ensure([there, missing]), 1)
  })
})
