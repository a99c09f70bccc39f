import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { JobBlob, JobPackage } from '../interface.js'
import {
  type CodegenAnswer,
  CodegenAnswers,
  codegenDirectory,
  codegenMessage,
  codegenResult,
  codegenResultFile,
} from './message.js'

function blob(role: JobBlob['role'], label: string, id: string, ...pieces: readonly string[]): JobBlob {
  const parts = pieces.map((piece) => Buffer.from(piece))
  const bytes = Buffer.concat(parts)
  const digest = (): Promise<string> => Promise.resolve(createHash('sha256').update(bytes).digest('hex'))
  const release = (): void => {
    released++
  }
  const lease = () => ({ parts, release })
  return { role, label, content: { id, sizeBytes: bytes.length, lease, bytes: () => bytes, digest } }
}
let released = 0

const OWN = blob('own', 'm000001', 'k1', 'head', 'module', 'strtab')
const IMPORT = blob('import', 'm000000', 'k0', 'imported')
const INDEX = blob('index', '', 'x2', 'index')
const JOB: JobPackage = {
  kind: 'package',
  llvmVersion: '22.1.8',
  task: 3,
  objectName: 'a "b"\\é\n',
  replayedArgs: ['-x=1', '-y'],
  blobs: [OWN, IMPORT, INDEX],
  forClang: () => Promise.resolve({ kind: 'cannot', reason: 'not this one' }),
}

/** A result as a worker writes it; `pieces` follow the text. */
function result(lines: readonly string[], ...pieces: readonly string[]): Buffer {
  const text = Buffer.from(lines.map((line) => `${line}\n`).join(''), 'latin1')
  const body = Buffer.from(pieces.join(''))
  const header = Buffer.alloc(16)
  header.write('DTLR')
  header.writeUInt32LE(text.length, 4)
  header.writeBigUInt64LE(BigInt(body.length), 8)
  const digest = createHash('sha256').update(text).update(body).digest()
  return Buffer.concat([header, digest, text, body])
}

/** The first result in the bytes; undefined if it is not complete. */
function read(bytes: Buffer): CodegenAnswer | undefined {
  return new CodegenAnswers().push(bytes)
}

const WHOLE = result(
  [
    'dtlto-result 3',
    'status compiled',
    'diagnostic warning 0 "a \\22word\\22 \\C3\\A9"',
    'diagnostic note 1 ""',
    'object 3',
    'output dwo "d/3.dwo" 3',
    'output remarks "/r s/x.yaml" 0',
    'stderr 2',
  ],
  'obj',
  'dwo',
  'é',
)
const EXPECTED: CodegenAnswer = {
  status: 'compiled',
  job: undefined,
  failure: '',
  diagnostics: [
    { severity: 'warning', message: 'a "word" é', namesModule: false },
    { severity: 'note', message: '', namesModule: true },
  ],
  object: Buffer.from('obj'),
  sideOutputs: [
    { kind: 'dwo', path: 'd/3.dwo', bytes: Buffer.from('dwo') },
    { kind: 'remarks', path: '/r s/x.yaml', bytes: Buffer.alloc(0) },
  ],
  stderr: 'é',
}

describe('a message for a worker', () => {
  test('is a header, the text of the job and the blobs that it sends, as views on the job', () => {
    released = 0
    const message = codegenMessage(JOB, ({ role }) => (role === 'own' ? 'keep' : role === 'import' ? 'known' : 'send'))
    const [header, text, ...body] = message.parts as [Buffer, Buffer, ...Buffer[]]
    assert.equal(message.sizeBytes, Buffer.concat(message.parts).length)
    assert.deepEqual(
      [header.toString('latin1', 0, 4), header.readUInt32LE(4), Number(header.readBigUInt64LE(8))],
      ['DTLJ', text.length, 'headmodulestrtabindex'.length],
    )
    assert.deepEqual(text.toString().split('\n'), [
      'dtlto-job 3',
      'llvm 22.1.8',
      'task 3',
      'object "a \\22b\\22\\5C\\C3\\A9\\0A"',
      'replay "-x=1"',
      'replay "-y"',
      'blob own "m000001" k1 16 keep',
      'blob import "m000000" k0 8 known',
      'blob index "" x2 5 send',
      '',
    ])
    assert.deepEqual(body, [...OWN.content.lease().parts, ...INDEX.content.lease().parts])
    assert.ok(body[0] === OWN.content.lease().parts[0], 'module bytes are copied')
    message.release()
    assert.equal(released, 2)
  })

  test('and the manifest of a directory names the same blobs by the beginnings of their digests', async () => {
    const [manifest, ...contents] = await codegenDirectory(JOB)
    const lines = Buffer.from(manifest?.bytes() ?? [])
      .toString()
      .split('\n')
      .slice(6)
    const digests = await Promise.all(JOB.blobs.map(({ content }) => content.digest()))
    assert.equal(lines[0], `blob own "m000001" ${digests[0]?.slice(0, 4) ?? ''} 16`)
    const all = createHash('sha256').update(digests.join('')).digest('hex')
    assert.deepEqual(lines.slice(JOB.blobs.length), [`contents ${all}`, ''])
    assert.deepEqual(
      contents.map(({ name, sha256, bytes }) => [name, sha256, Buffer.from(bytes()).toString()]),
      JOB.blobs.map(({ content }, i) => [digests[i]?.slice(0, 4), digests[i], Buffer.from(content.bytes()).toString()]),
    )
  })

  test('by longer ones where these are equal', async () => {
    const [first, ...others] = JOB.blobs
    const alike = (digest: string) => ({
      ...first,
      content: { ...first?.content, digest: () => Promise.resolve(digest) },
    })
    for (const [second, digits] of [
      [`${'0'.repeat(4)}1${'0'.repeat(59)}`, 8],
      [`${'0'.repeat(8)}1${'0'.repeat(55)}`, 16],
      [`${'0'.repeat(63)}1`, 64],
    ] as const) {
      const blobs = [alike('0'.repeat(64)), alike(second), ...others] as typeof JOB.blobs
      const [, ...contents] = await codegenDirectory({ ...JOB, blobs })
      assert.deepEqual(
        contents.map(({ name, sha256 }) => name === sha256.slice(0, digits)),
        contents.map(() => true),
      )
    }
  })

  test('quotes any text in printable ASCII, without a line of its own', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (objectName) => {
        const manifest = Buffer.from(codegenMessage({ ...JOB, objectName }).parts[1] ?? []).toString()
        assert.match(manifest, /^[ -~\n]*$/)
        assert.equal(manifest.split('\n').length, 10)
        // The other side's quoting is the same, so a text comes back unharmed through a diagnostic.
        const quoted = /^object (.*)$/m.exec(manifest)?.[1] ?? ''
        const back = read(result(['dtlto-result 3', 'status failed', `diagnostic error 0 ${quoted}`]))
        assert.equal(back?.status === 'failed' && back.diagnostics[0]?.message, Buffer.from(objectName).toString())
      }),
    )
  })
})

describe("a worker's result", () => {
  test('is read from chunks of any size', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(WHOLE.length), { maxLength: 12 }), (cuts) => {
        const reader = new CodegenAnswers()
        const at = [0, ...cuts.sort((a, b) => a - b), WHOLE.length]
        const results = at.slice(1).map((end, i) => reader.push(WHOLE.subarray(at[i], end)))
        assert.deepEqual(results.filter(Boolean), [EXPECTED])
        assert.deepEqual(reader.push(WHOLE), EXPECTED, 'the next result is not read')
      }),
    )
  })

  test('may be a failure or a refusal', () => {
    assert.deepEqual(read(result(['dtlto-result 3', 'status refused', 'failure "no\\0A"'])), {
      status: 'refused',
      failure: 'no\n',
    })
    const failed = read(result(['dtlto-result 3', 'status failed', 'failure "bad"']))
    assert.equal(failed?.status === 'failed' && failed.failure, 'bad')
  })

  test('is that of the job that was asked for, unless it is a refusal', () => {
    const { job } = codegenMessage(JOB)
    const [ours, others] = [job, codegenMessage({ ...JOB, task: 4 }).job]
    assert.notEqual(ours, others)
    const answers = (...lines: string[]): CodegenAnswer | undefined => {
      return new CodegenAnswers(ours).push(result(['dtlto-result 3', ...lines]))
    }
    assert.equal(answers(`job ${ours}`, 'status compiled')?.status, 'compiled')
    assert.equal(answers('status refused', 'failure "damaged"')?.status, 'refused')
    for (const lines of [[`job ${others}`], ['job '], []]) assert.throws(() => answers(...lines, 'status compiled'))
    assert.throws(() => answers(`job ${others}`, 'status failed'), /of another job/)
  })

  test('is not there as long as a byte is missing', () => {
    for (let size = 0; size < WHOLE.length; size++) assert.equal(read(WHOLE.subarray(0, size)), undefined)
  })

  for (const [what, bytes] of [
    ['another magic', Buffer.from('DTLJ____________')],
    ['a size that nobody could send', Buffer.concat([WHOLE.subarray(0, 8), Buffer.alloc(8, 0xff)])],
    ['more than one result for a job', Buffer.concat([WHOLE, Buffer.of(0)])],
    ['another version', result(['dtlto-result 4', 'status compiled'])],
    ['no status', result(['dtlto-result 3', 'object 0'])],
    ['an unknown status', result(['dtlto-result 3', 'status perhaps'])],
    ['an unknown line', result(['dtlto-result 3', 'status compiled', 'gift "x"'])],
    ['an unknown severity', result(['dtlto-result 3', 'status compiled', 'diagnostic shout 0 "x"'])],
    ['a diagnostic without text', result(['dtlto-result 3', 'status compiled', 'diagnostic error 0'])],
    ['an unknown output', result(['dtlto-result 3', 'status compiled', 'output rootkit "/etc/passwd" 1'], 'x')],
    ['an output without a path', result(['dtlto-result 3', 'status compiled', 'output dwo 1'], 'x')],
    ['a line that is longer than the body', result(['dtlto-result 3', 'status compiled', 'object 4'], 'obj')],
    ['a body that no line claims', result(['dtlto-result 3', 'status compiled', 'object 3'], 'obj?')],
    ['a size that is no number', result(['dtlto-result 3', 'status compiled', 'object many'], 'obj')],
    ['a huge size', result(['dtlto-result 3', 'status compiled', `object ${'9'.repeat(400)}`], 'obj')],
    ['a text that does not end', result(['dtlto-result 3', 'status compiled', 'failure "x'])],
    ['an escape that is none', result(['dtlto-result 3', 'status compiled', 'failure "\\zz"'])],
    ['an empty text', result([])],
  ] as const) {
    test(`with ${what} is an error`, () => {
      assert.throws(() => read(bytes), Error)
    })
  }

  test('that was damaged is an error, or incomplete', () => {
    fc.assert(
      fc.property(fc.nat(WHOLE.length - 1), fc.integer({ min: 1, max: 255 }), fc.nat(40), (at, bits, cut) => {
        const damaged = Buffer.from(WHOLE.subarray(0, WHOLE.length - cut))
        if (at < damaged.length) damaged[at] = (damaged[at] ?? 0) ^ bits
        let outcome: CodegenAnswer | undefined
        try {
          outcome = read(damaged)
        } catch {
          return
        }
        assert.equal(outcome, undefined)
      }),
    )
  })

  test('that is larger than its reader allows is an error before it is there', () => {
    const reader = new CodegenAnswers()
    reader.maxBytes = WHOLE.length - 1
    assert.throws(() => reader.push(WHOLE.subarray(0, 16)), /claims to have/)
  })
})

describe('an answer as a result', () => {
  const answer = read(WHOLE) as Extract<CodegenAnswer, { status: 'compiled' | 'failed' }>

  test('names the real module, where a message begins with its name in the job or leaves room for it', () => {
    const diagnostics = [
      { severity: 'warning', message: 'm000001: careful', namesModule: false },
      { severity: 'note', message: 'is odd', namesModule: true },
    ] as const
    const result = codegenResult({ ...answer, diagnostics }, 'dir/a.o', JOB)
    assert.deepEqual(result.kind === 'object' && result.diagnostics.map(({ message }) => message), [
      'dir/a.o: careful',
      'dir/a.o is odd',
    ])
  })

  test('tells a job that does not compile from one that is refused', () => {
    assert.deepEqual(codegenResult({ ...answer, status: 'failed', failure: 'bad', diagnostics: [] }, 'a.o', JOB), {
      kind: 'does-not-compile',
      diagnostics: [{ severity: 'error', message: 'bad' }],
    })
    assert.deepEqual(codegenResult({ status: 'refused', failure: 'made by LLVM 23' }, 'a.o', JOB), {
      kind: 'cannot',
      reason: 'made by LLVM 23',
    })
  })
})

describe('a result that is kept for other links', () => {
  const result = {
    diagnostics: [
      { severity: 'warning', message: '/home/me/lib.a(x.o) <inline asm>:1:2: é' },
      { severity: 'warning', message: '/home/me/lib.a(x.o): linking' },
      { severity: 'remark', message: 'a.c:3:4: "word"' },
    ],
    stderr: 'é',
    sideOutputs: [{ kind: 'dwo', path: 'd/3.dwo', bytes: Buffer.from('dwo') }],
  } as const

  test('names the module as each of them does', () => {
    const file = codegenResultFile(result, '/home/me/lib.a(x.o)', JOB)
    assert.ok(file)
    assert.ok(!file.includes('/home/me'))
    const answer = read(file)
    assert.ok(answer)
    const { sideOutputs, stderr } = result
    const diagnostics = result.diagnostics.map((each) => ({
      ...each,
      message: each.message.replace('/home/me/lib.a(x.o)', 'y.o'),
    }))
    const expected = { kind: 'object', object: Buffer.alloc(0), diagnostics, sideOutputs, stderr, timings: {} }
    assert.deepEqual(codegenResult(answer, 'y.o', JOB), expected)
  })

  test('is none where the name stands in the middle of a text', () => {
    for (const said of [
      { ...result, stderr: 'in x.o' },
      { ...result, diagnostics: [{ severity: 'note', message: 'see x.o' }] as const },
      { ...result, diagnostics: [{ severity: 'note', message: 'x.o: x.o' }] as const },
    ])
      assert.equal(codegenResultFile(said, 'x.o', JOB), undefined)
  })
})
