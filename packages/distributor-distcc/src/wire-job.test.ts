import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ClangJob } from 'dtlto/plugin'
import { toResponseFile } from './response-file.js'
import { Packer } from './packer.js'
import { jobFile } from './testing/program.js'
import { COMMON_ARGS, toWireJob } from './wire-job.js'

const clangJob = (overrides: Partial<ClangJob> = {}): ClangJob => ({
  kind: 'clang',
  args: ['-c', '-x', 'ir', 'm 1.o', '-fthinlto-index=i', '-o', 'out.o', '-O2'],
  files: [jobFile('m 1.o', Buffer.from('BC')), jobFile('i', Buffer.from('BC'))],
  module: 'm 1.o',
  index: 'i',
  output: 'out.o',
  ...overrides,
})

describe('a response file', () => {
  it('quotes what the GNU tokenizer would take apart', () => {
    assert.equal(
      toResponseFile(['-O2', 'a b', 'a"b\\c', `it's`, '', 'n\nl']),
      '-O2\n"a b"\n"a\\"b\\\\c"\n"it\'s"\n""\n"n\nl"\n',
    )
  })
})

describe('a clang job on the wire', () => {
  it('has its arguments in a response file, and only what distccd looks for beside it', () => {
    const job = toWireJob(clangJob())
    assert.equal(job.kind, 'wire')
    if (job.kind !== 'wire') return
    assert.deepEqual(job.args, ['-c', '-I', 'd.c', '@args.rsp', '-o', 'o.o'])
    assert.deepEqual(
      job.files.map(({ name, shared }) => [name, shared]),
      [
        ['/w/m 1.o', true],
        ['/w/i', false],
      ],
    )
    assert.equal(
      job.responseFile.text,
      toResponseFile([...COMMON_ARGS, '-x', 'ir', 'm 1.o', '-fthinlto-index=i', '-O2']),
    )
  })

  it('names its response file like no other file', () => {
    const files = [...clangJob().files, jobFile('args.rsp', Buffer.from('x'))]
    const job = toWireJob(clangJob({ files }))
    assert.equal(job.kind === 'wire' && job.responseFile.name, '/w/_args.rsp')
  })

  it('cannot be made of names that lead elsewhere, an empty index, nested response files or options with side files', () => {
    const withFile = (name: string): Partial<ClangJob> => ({
      files: [...clangJob().files, jobFile(name, Buffer.from('x'))],
    })
    const withArgs = (...args: string[]): Partial<ClangJob> => ({ args: [...clangJob().args, ...args] })
    const cases: readonly (readonly [Partial<ClangJob>, RegExp])[] = [
      [withFile('/etc/x'), /'\/etc\/x' is not relative/],
      [withFile('a/../../x'), /leads out of the job's directory/],
      [withFile('naïve.o'), /not plain ASCII/],
      [
        { files: [jobFile('m 1.o', Buffer.from('x')), jobFile('i', new Uint8Array(0))] },
        /the index of 'm 1.o' is empty/,
      ],
      [{ files: [jobFile('m 1.o', Buffer.from('x'))] }, /not complete/],
      [withArgs('@more'), /response file/],
      [withArgs('-ftime-trace=x'), /does not send back/],
      [withArgs('-gsplit-dwarf'), /does not send back/],
      [withArgs('-S'), /does not send back/],
      [{ args: clangJob().args.slice(1) }, /does not ask for an object/],
    ]
    for (const [overrides, reason] of cases) {
      const job = toWireJob(clangJob(overrides))
      assert.equal(job.kind, 'cannot')
      assert.match(job.kind === 'cannot' ? job.reason : '', reason)
    }
  })
})

describe('the packer', () => {
  const wire = (text: string): Extract<ReturnType<typeof toWireJob>, { kind: 'wire' }> => {
    const job = toWireJob(
      clangJob({ files: [jobFile('m 1.o', Buffer.from(text)), jobFile('i', Buffer.from('index'))] }),
    )
    if (job.kind !== 'wire') throw new Error(job.reason)
    return job
  }
  const { signal } = new AbortController()

  it('compresses a module once for all jobs, and an index for its own', async () => {
    const packer = new Packer(1000)
    const first = await packer.pack(wire('module'), 'clang-22', signal)
    const second = await packer.pack(wire('module'), 'clang-22', signal)
    assert.deepEqual(second.parts, first.parts)
    assert.deepEqual([packer.totals.files, packer.totals.packedBytes], [4, 'module'.length + 2 * 'index'.length])
  })

  it('compresses ahead what others need too, and makes the same request of it', async () => {
    const packer = new Packer(1000)
    await packer.compressAhead(wire('module'))
    assert.deepEqual([packer.totals.files, packer.totals.packedBytes], [0, 'module'.length])
    await packer.compressAhead(wire('module'))
    const { parts } = await packer.pack(wire('module'), 'clang-22', signal)
    assert.equal(packer.totals.packedBytes, 'module'.length + 'index'.length)
    assert.deepEqual(parts, (await new Packer(1000).pack(wire('module'), 'clang-22', signal)).parts)
    packer.clear()
    await assert.rejects(packer.compressAhead(wire('other')))
  })

  it('keeps no more than its budget', async () => {
    const packer = new Packer(15)
    for (const text of ['module-one', 'module-two', 'module-one']) await packer.pack(wire(text), 'clang-22', signal)
    assert.equal(packer.totals.packedBytes, 3 * ('module-one'.length + 'index'.length))
  })

  it('does not touch the bytes of a job that was cancelled', async () => {
    const job = toWireJob(
      clangJob({ files: clangJob().files.map((file) => ({ ...file, bytes: () => assert.fail() })) }),
    )
    assert.ok(job.kind === 'wire')
    await assert.rejects(new Packer(0).pack(job, 'clang-22', AbortSignal.abort(new Error('cancelled'))), /cancelled/)
  })
})
