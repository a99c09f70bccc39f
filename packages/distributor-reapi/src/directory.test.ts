import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { messageBlob } from './blob.js'
import { directoryBlob, type NamedDigest } from './directory.js'
import { Directory } from './generated/build/bazel/remote/execution/v2/remote_execution.js'

const digest = (sizeBytes: number) => ({ hash: 'ab'.repeat(32), sizeBytes })

describe('a Directory', () => {
  const nodes: readonly NamedDigest[] = [
    { name: 'a', digest: digest(0) },
    { name: 'é€𝄞', digest: digest(1) },
    { name: 'x'.repeat(200), digest: digest(127) },
    { name: 'y'.repeat(70_000), digest: digest(128) },
    { name: 'z', digest: digest(2 ** 40) },
    { name: 'z2', digest: digest(Number.MAX_SAFE_INTEGER) },
  ]
  const cases: Readonly<Record<string, readonly [readonly NamedDigest[], readonly NamedDigest[]]>> = {
    'with nothing in it': [[], []],
    'of files': [nodes, []],
    'of directories': [[], nodes],
    'of both': [nodes.slice(0, 3), nodes.slice(2)],
  }
  for (const [which, [files, directories]] of Object.entries(cases)) {
    it(`${which} has the bytes of the generated codec`, () => {
      const theirs = messageBlob(Directory, {
        files: files.map((node) => ({ ...node, isExecutable: false, nodeProperties: undefined })),
        directories: [...directories],
        symlinks: [],
        nodeProperties: undefined,
      })
      const ours = directoryBlob(files, directories)
      assert.deepEqual(ours, theirs)
    })
  }
})
