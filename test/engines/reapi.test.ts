import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Casd, whyNoCasd } from '../../packages/distributor-reapi/src/testing/casd.js'
import { compile, DTLTO, inTemporaryDirectory, must, type Ran, run, slowProgram, STOCK } from '../link/toolchain.js'

const skip = (await whyNoCasd()) ?? false

describe('a whole link over buildbox-casd', { skip }, () => {
  let cwd = ''
  let objects: readonly string[] = []
  let empty: Casd
  before(async () => {
    cwd = mkdtempSync(join(tmpdir(), 'dtlto '))
    objects = compile(cwd, slowProgram(6, 8), ['-g'])
    must(STOCK, ['-e', 'main', ...objects, '-o', 'stock'], { cwd })
    empty = await Casd.start({ root: 'empty' })
  })
  after(async () => {
    await empty.stop()
    rmSync(cwd, { recursive: true })
  })

  const link = (server: Casd, more = '', directory = cwd): Ran =>
    run(
      DTLTO,
      [
        ...['-e', 'main', ...objects, '-o', 'out', '--distribute-fallback=none', '--distribute-trace=trace.json'],
        `--distribute=reapi,remote_executor=${server.address}${more}`,
      ],
      { cwd: directory },
    )
  const assertIdentical = (ran: Ran, directory = cwd): void => {
    assert.deepEqual(ran, { exitCode: 0, stdout: '', stderr: '' })
    assert.ok(readFileSync(join(directory, 'out')).equals(readFileSync(join(cwd, 'stock'))), 'out differs from stock')
  }
  /** What the distributor says of itself at the end. */
  const totals = (directory = cwd): string =>
    /reapi: [^"]*/.exec(readFileSync(join(directory, 'trace.json'), 'utf8'))?.[0] ?? ''

  test('has the bytes of stock lld where workers have nothing but what was sent', () => {
    assertIdentical(link(empty))
    assert.match(totals(), /^reapi: 7 jobs executed, 0 from the action cache/)
  })

  test('finds everything in the action cache when it is done again in another directory, and sends nothing', async () => {
    await inTemporaryDirectory((elsewhere) => {
      for (const object of objects) cpSync(join(cwd, object), join(elsewhere, object))
      assertIdentical(link(empty, '', elsewhere), elsewhere)
      assert.match(totals(elsewhere), /^reapi: 0 jobs executed, 7 from the action cache; 0 of 0 blobs sent/)
    })
  })

  test('with remote_accept_cached=false executes again what is in the action cache, and uploads nothing again', () => {
    assertIdentical(link(empty, ',remote_accept_cached=false'))
    assert.match(totals(), /^reapi: 7 jobs executed, 0 from the action cache; 0 of \d+ blobs sent/)
  })
})
