/** Whatever a distributor does, the link has the bytes of stock lld, soon, and the user reads a warning and not a thousand. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { DEFAULT_POLICY } from '../../packages/dtlto/src/scheduler/policy.js'
import { type FaultyLink, FaultyLinks, MODULES } from './faulty-link.js'
import { FAULTS } from './faults.js'
import misbehaving from './misbehaving.js'

/** The slowest that is bounded: a first distributor that never answers, with nothing known of how long jobs take. */
const SOON_MS = 15_000
const COMPANIES = { 'alone, with the fallback': [], 'beside local': ['--distribute=local'] } as const

const NO_FALLBACK = '--distribute-fallback=none'

/** Faults that end a link without a fallback. One that worked before might come back, and is waited for. */
const HOPELESS: Readonly<Record<string, { readonly limitMs: number; readonly says: RegExp }>> = {
  cannot: { limitMs: SOON_MS, says: /'misbehaving': cannot express it: not today/ },
  'says-misconfigured': { limitMs: SOON_MS, says: /'misbehaving': no such host/ },
  'open-rejects': { limitMs: SOON_MS, says: /'misbehaving': no route to host/ },
  throws: { limitMs: SOON_MS, says: /'misbehaving': .*a defect of the plugin/ },
  'object-half': { limitMs: SOON_MS, says: /'misbehaving': object for '.*' is / },
  'dies-in-mid-link': { limitMs: 3 * SOON_MS + DEFAULT_POLICY.giveUpMs, says: /'misbehaving': the machine is gone/ },
}

/** One for each kind and distributor, each of them once, and no other noise. */
function checkWarnings({ stderr }: FaultyLink, expected: RegExp | undefined, most = 3): void {
  const lines = stderr.split('\n').filter((line) => line !== '')
  const own = lines.filter((line) =>
    /^ld\.dtlto: warning: (misbehaving: |a distributor raised an error that nobody caught: )/.test(line),
  )
  const fromNode = lines.filter((line) => /^\(node:\d+\) MaxListeners|^\(Use `node --trace-warnings/.test(line))
  assert.equal(own.length + fromNode.length, lines.length, `only warnings about the distributor:\n${stderr}`)
  assert.ok(own.length <= most, `one warning for each kind:\n${stderr}`)
  assert.ok(
    own.every((line) => line.length < 5000),
    'a warning is shown in bounded length',
  )
  if (expected) assert.match(stderr, expected)
}

describe('a link with a distributor that', { concurrency: 3 }, () => {
  let links: FaultyLinks
  before(() => {
    links = new FaultyLinks()
  })
  after(() => links.remove())

  for (const [fault, { sentence, warning, warnings }] of Object.entries(FAULTS)) {
    for (const [company, args] of Object.entries(COMPANIES)) {
      test(`${sentence}, ${company}, gives the bytes of stock lld`, async () => {
        const link = await links.run(fault, ['--distribute=FAULT', ...args], SOON_MS)
        assert.equal(link.exitCode, 0, `after ${String(Math.round(link.elapsedMs))} ms:\n${link.stderr}`)
        assert.ok(link.isRight, 'the output differs from that of stock lld')
        // Beside local the faulty one may have had nothing to do.
        const mustWarn = company !== 'beside local' || /^(open|status|slots)/.test(fault)
        checkWarnings(link, mustWarn ? warning : undefined, warnings)
      })
    }
  }

  for (const [fault, { limitMs, says }] of Object.entries(HOPELESS)) {
    test(`${FAULTS[fault]?.sentence ?? ''}, without a fallback, ends with one clear error`, async () => {
      const { exitCode, stderr, isRight } = await links.run(fault, ['--distribute=FAULT', NO_FALLBACK], limitMs)
      assert.equal(exitCode, 1)
      assert.equal(isRight, false)
      const errors = stderr.split('\n').filter((line) => line.includes('error: '))
      assert.match(
        errors.join('\n'),
        /^ld\.lld: error: no distributor could compile '.*', and falling back .* switched off/m,
      )
      assert.match(errors.join('\n'), says)
      assert.equal(errors.length, 1, stderr)
    })
  }

  test('says that good modules do not compile, in garbled words, ends with an error of lld without a fallback', async () => {
    const { exitCode, stderr } = await links.run('refuses-with-garbage', ['--distribute=FAULT', NO_FALLBACK], SOON_MS)
    assert.equal(exitCode, 1)
    assert.match(stderr, /^ld\.lld: error: .*does not compile$/m)
    assert.doesNotMatch(stderr, /defect of dtlto/)
  })

  test('fails on every third job compiles them all without a fallback, for it is asked again', async () => {
    const link = await links.run('fails-every-third', ['--distribute=FAULT', NO_FALLBACK], SOON_MS)
    assert.equal(link.exitCode, 0, link.stderr)
    assert.ok(link.isRight)
  })

  test("names side outputs that nobody asked for writes no file: paths are the linker's to choose", async () => {
    const { strays } = await links.run('side-output-unasked', ['--distribute=FAULT'], SOON_MS)
    assert.deepEqual(strays, [])
  })

  test('gives none of the files that the link asks for leaves none out: its objects are refused', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'dtlto-faults-'))
    try {
      const dwo = join(directory, 'dwo')
      const link = await links.run(
        'side-outputs-missing',
        ['--distribute=FAULT', `--plugin-opt=dwo_dir=${dwo}`],
        SOON_MS,
      )
      assert.equal(link.exitCode, 0, link.stderr)
      assert.match(link.stderr, /^ld\.dtlto: warning: misbehaving: object for '.*' came without the file '.*\.dwo'/m)
      assert.equal(readdirSync(dwo).length, MODULES)
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  test('warns of what is no text is in report and trace', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'dtlto-faults-'))
    try {
      const files = ['report', 'trace'].map((name) => `--distribute-${name}=${join(directory, name)}.json`)
      const link = await links.run('warns-of-anything', ['--distribute=FAULT', ...files], SOON_MS)
      assert.equal(link.exitCode, 0, link.stderr)
      for (const name of ['report.json', 'trace.json'])
        assert.match(readFileSync(join(directory, name), 'utf8'), /as an error/)
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  test('misbehaves, twice in one link in different ways, gives the bytes of stock lld and a warning for each', async () => {
    const link = await links.run('throws', ['--distribute=FAULT', '--distribute=FAULT,before=1'], SOON_MS)
    assert.equal(link.exitCode, 0, link.stderr)
    assert.ok(link.isRight)
    assert.match(link.stderr, /warning: misbehaving#2: /)
  })

  test('is described in the list of faults: every fault of the plugin is linked with', () => {
    assert.deepEqual(Object.keys(FAULTS).sort(), [...(misbehaving.options.fault.choices ?? [])].sort())
  })
})
