import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { createdFiles, filesWritten } from './files-written.js'
import { median, pairedRatio } from './statistics.js'

describe('the files that a command creates', () => {
  it('are those that it made, in whatever way, and no others', () => {
    const lines = [
      'openat(AT_FDCWD, "input.o", O_RDONLY|O_CLOEXEC) = 3',
      'openat(AT_FDCWD, "made.o", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 4',
      'openat(AT_FDCWD, "/missing/made.o", O_WRONLY|O_CREAT, 0666) = -1 ENOENT (No such file or directory)',
      'openat(AT_FDCWD, "/dev/null", O_WRONLY|O_CREAT, 0666) = 4',
      'mkdir("/tmp/d", 0700) = 0',
      'symlink("target", "/tmp/link") = 0',
      '+++ exited with 0 +++',
    ]
    assert.deepEqual(createdFiles(lines, '/work', []), ['/tmp/d', '/tmp/link', '/work/made.o'])
  })

  it('do not count the output, also when it is written under another name first', () => {
    const lines = [
      'openat(AT_FDCWD, "app.tmp8c0dc70", O_RDWR|O_CREAT|O_EXCL|O_CLOEXEC, 0666) = 3',
      'unlink("app.tmp8c0dc70") = 0',
      'openat(AT_FDCWD, "app.tmp12ab", O_RDWR|O_CREAT|O_EXCL|O_CLOEXEC, 0777) = 5',
      'rename("app.tmp12ab", "app") = 0',
      'openat(AT_FDCWD, "app.map", O_RDWR|O_CREAT|O_TRUNC, 0666) = 6',
    ]
    assert.deepEqual(createdFiles(lines, '/work', ['/work/app']), ['/work/app.map'])
  })

  it('are found in children and under odd names', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'dtlto-test-'))
    try {
      const argv = ['sh', '-c', `(touch 'a "b" ü') & wait; touch out`]
      const written = await filesWritten({ argv, directory }, [join(directory, 'out')])
      assert.deepEqual(written, [join(directory, 'a "b" ü')])
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  })
})

describe('statistics', () => {
  it('takes the middle, or the mean of the two in the middle', () => {
    assert.equal(median([3, 1, 2]), 2)
    assert.equal(median([4, 1, 2, 3]), 2.5)
  })

  it('compares within pairs', () => {
    assert.deepEqual(pairedRatio([2, 3, 20], [1, 3, 10]), { median: 2, smallest: 1, largest: 2 })
  })
})
