import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { lzo1x } from 'dtlto/plugin'
import fc from 'fast-check'
import { AnswerError, AnswerParser } from './answer.js'
import { encodeRequest, MAX_BODY_BYTES, token } from './request.js'

const body = (name: string, text: string): Buffer => {
  const bytes = text === '' ? new Uint8Array(0) : lzo1x().compress(Buffer.from(text))
  return Buffer.concat([Buffer.from(token(name, bytes.length)), bytes])
}
const answer = (status: number, stderr: string, stdout: string, object: string): Buffer =>
  Buffer.concat([
    Buffer.from(token('DONE', 3) + token('STAT', status)),
    body('SERR', stderr),
    body('SOUT', stdout),
    body('DOTO', object),
  ])
const parse = (chunks: readonly Uint8Array[]): AnswerParser => {
  const parser = new AnswerParser({ textBytes: 1000, objectBytes: 10_000 })
  for (const chunk of chunks) {
    parser.push(chunk)
    while (parser.wantedBytes > 0) parser.makeRoom()
  }
  return parser
}

describe('a request', () => {
  it('is the tokens of protocol 3, and passes file bodies through without a copy', () => {
    const compressed = lzo1x().compress(Buffer.from('content'))
    const buffers = encodeRequest({
      workingDirectory: '/w',
      argv: ['clang-22', '-c'],
      files: [
        { name: '/w/ä', compressed },
        { name: '/w/empty', compressed: new Uint8Array(0) },
      ],
    })
    assert.ok(buffers.includes(compressed))
    assert.equal(
      Buffer.concat(buffers).toString('latin1'),
      'DIST00000003CDIR00000002/wARGC00000002ARGV00000008clang-22ARGV00000002-cNFIL00000002' +
        `NAME00000005${Buffer.from('/w/ä').toString('latin1')}FILE0000000b\u0018content\u0011\0\0NAME00000008/w/emptyFILE00000000`,
    )
  })

  it('is refused for names that are relative, lead upwards or hold a NUL, and for bodies too large for a server', () => {
    const encode = (name: string, compressed: Uint8Array = new Uint8Array(1)): unknown =>
      encodeRequest({ workingDirectory: '/w', argv: ['cc'], files: [{ name, compressed }] })
    for (const name of ['a', '/w/../etc/passwd', '/w/..', '/w/a\0b'])
      assert.throws(() => encode(name), RangeError, name)
    const huge = Object.create(Uint8Array.prototype, { length: { value: MAX_BODY_BYTES + 1 } }) as Uint8Array
    assert.throws(() => encode('/w/a', huge), RangeError)
  })
})

describe('an answer', () => {
  it('is the same in chunks of any size', async () => {
    const bytes = answer(256, 'warning: a', '', 'object '.repeat(100))
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 90 })), async (sizes) => {
        const chunks: Uint8Array[] = []
        let at = 0
        for (const size of sizes) {
          chunks.push(bytes.subarray(at, at + size))
          at += size
        }
        const parser = parse([...chunks, bytes.subarray(at), Buffer.from('DOTD00000000')])
        const { status, stderr, stdout, object } = await parser.finish()
        assert.deepEqual([status, stderr, stdout], [256, 'warning: a', ''])
        assert.equal(Buffer.from(object).toString(), 'object '.repeat(100))
      }),
    )
  })

  it('is never complete before its last byte', async () => {
    const bytes = answer(0, 'text', 'text', 'object')
    for (let size = 0; size < bytes.length; size++) {
      const parser = parse([bytes.subarray(0, size)])
      assert.equal(parser.complete, false)
      await assert.rejects(parser.finish(), AnswerError)
    }
    assert.equal(parse([bytes]).complete, true)
  })

  it('is refused as soon as a token is wrong', () => {
    const bad = ['HTTP/1.0 200 OK', 'DONE00000001', 'DONE0000000g', 'DONE00000003SERR00000000']
    for (const text of bad) assert.throws(() => parse([Buffer.from(text)]), AnswerError, text)
  })

  it('that is larger than the limits says so, and what is too large is neither read nor allocated', async () => {
    const announced = (text: string): AnswerParser => parse([Buffer.from(text)])
    for (const [parser, excess] of [
      [parse([answer(0, 'x'.repeat(1001), '', 'o')]), 'text'],
      [parse([answer(0, '', 'x'.repeat(1001), 'o')]), 'text'],
      [parse([answer(0, '', '', 'x'.repeat(10_001))]), 'object'],
      // A bomb: some hundred bytes on the wire.
      [parse([answer(0, '', '', 'x'.repeat(30_000_000))]), 'object'],
      [announced('DONE00000003STAT00000000SERR1fffffff'), 'text'],
      [announced('DONE00000003STAT00000000SERR00000000SOUT7fffffff'), 'text'],
      [announced('DONE00000003STAT00000000SERR00000000SOUT00000000DOTOffffffff'), 'object'],
    ] as const) {
      let reserved = 0
      const {
        object,
        stderr,
        stdout,
        excess: said,
      } = await parser.finish((bytes) => {
        reserved += bytes
        return Promise.resolve()
      })
      assert.deepEqual([said, object.length > 1000, stderr + stdout], [excess, false, ''])
      assert.ok(reserved < 10)
    }
  })

  it('waits for room before it takes an object, and takes texts, which are small, without', async () => {
    const parser = new AnswerParser({ textBytes: 1000, objectBytes: 10_000 })
    const bytes = answer(0, 'text', '', 'object')
    parser.push(bytes.subarray(0, -3))
    assert.ok(parser.wantedBytes > 0)
    parser.push(bytes.subarray(-3))
    assert.equal(parser.complete, false)
    parser.makeRoom()
    assert.equal(parser.wantedBytes, 0)
    const { stderr, object } = await parser.finish()
    assert.deepEqual([stderr, Buffer.from(object).toString()], ['text', 'object'])
  })

  it('of hostile bytes is an error or an answer, never a crash', async () => {
    const good = answer(0, 'text', '', 'object')
    await fc.assert(
      fc.asyncProperty(
        fc.nat(good.length - 1),
        fc.nat(255),
        fc.uint8Array({ maxLength: 50 }),
        async (at, byte, more) => {
          const bad = Buffer.concat([good, more])
          bad[at] = byte
          try {
            await parse([bad]).finish()
          } catch (error) {
            assert.ok(error instanceof AnswerError)
          }
        },
      ),
    )
  })
})
