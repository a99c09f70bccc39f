/** A server that only stores, as a team's cache: links put into it what they compile, and others take it from there. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { Casd, whyNoCasd } from '../../packages/distributor-reapi/src/testing/casd.js'
import { FakeEngine, type Faults } from '../../packages/distributor-reapi/src/testing/fake-engine.js'
import { compile, DTLTO, inTemporaryDirectory, type Ran, run, SMALL_PROGRAM, STOCK } from '../link/toolchain.js'
import { DistccLink } from './distcc-link.js'

const skip = (await whyNoCasd()) ?? false

const NONE = '--distribute-fallback=none'

/** A module that is warned of when it is compiled, one with remarks' worth of imports, and one with inline assembly that reads nothing. */
const PROGRAM = {
  ...SMALL_PROGRAM,
  'frame.c': `void use(char *p);
    __attribute__((noinline)) int frame(void) { char big[4096]; use(big); return big[7]; }
    __attribute__((noinline)) void use(char *p) { __asm__("nop" :: "r"(p) : "memory"); }\n`,
}

describe('a cache of the team over buildbox-casd', { skip }, () => {
  let cwd = ''
  let objects: readonly string[] = []
  let server: Casd
  let stock: Ran
  before(async () => {
    cwd = mkdtempSync(join(tmpdir(), 'dtlto '))
    objects = compile(cwd, PROGRAM, ['-g', '-Wframe-larger-than=100'])
    stock = run(STOCK, ['-shared', ...objects, '-o', 'stock'], { cwd })
    assert.match(stock.stderr, /warning: .*frame/)
    server = await Casd.start({ root: 'empty' })
  })
  after(async () => {
    await server.stop()
    rmSync(cwd, { recursive: true })
  })

  const link = (options: readonly string[], directory = cwd): Ran =>
    run(DTLTO, ['-shared', ...objects, '-o', 'out', '--distribute-trace=trace.json', ...options], {
      cwd: directory,
      // Digests of the toolchain are remembered by the first test, and nobody else's remembrance is in the way.
      env: { XDG_CACHE_HOME: join(cwd, 'remembered') },
    })
  const cache = (more = ''): string => `--distribute=reapi,remote_cache=${server.address}${more}`
  const WRITES = ',remote_upload_local_results'
  const isStock = (ran: Ran, directory = cwd): void => {
    // This machine may be faster than the cache's client is loaded, and then that is said, too.
    const said = ran.stderr.replace(/^ld\.dtlto: warning: reapi: .* has not compiled any .*\n/m, '')
    assert.equal(said.replaceAll('ld.dtlto', 'ld.lld'), stock.stderr)
    assert.equal(ran.exitCode, 0)
    assert.ok(readFileSync(join(directory, 'out')).equals(readFileSync(join(cwd, 'stock'))), 'out differs from stock')
  }
  const stored = (): number =>
    Number(/reapi: (\d+) results stored/.exec(readFileSync(join(cwd, 'trace.json'), 'utf8'))?.[1] ?? 0)
  const elsewhere = (use: (directory: string) => void): Promise<void> =>
    inTemporaryDirectory((directory) => {
      for (const object of objects) cpSync(join(cwd, object), join(directory, object))
      use(directory)
    })

  test('is not written to unless that is asked for', () => {
    isStock(link([cache()]))
    assert.equal(stored(), 0)
    assert.notEqual(link([cache(), NONE]).exitCode, 0)
  })

  test('has what was compiled on the linking machine, for a link in another directory, diagnostics and all', async () => {
    isStock(link([cache(WRITES)]))
    assert.equal(stored(), objects.length)
    await elsewhere((directory) => isStock(link([cache(), NONE], directory), directory))
  })

  test('has it for an engine too: farms and caches share entries', () => {
    isStock(link([`--distribute=reapi,remote_executor=${server.address}`, NONE]))
    assert.match(readFileSync(join(cwd, 'trace.json'), 'utf8'), /reapi: 0 jobs executed, [4-9] from the action cache/)
  })

  for (const [what, options] of [
    ['by a link that has a ThinLTO cache', ['--thinlto-cache-dir=cache']],
    ['beside a link that this machine takes part in', ['--distribute=local']],
    ['by workers of another distributor, that vouches for them', ['--distribute=worker,slots=2', NONE]],
  ] as const) {
    test(`is filled ${what}`, async () => {
      const other = await Casd.start({ root: 'empty' })
      try {
        const at = `--distribute=reapi,remote_cache=${other.address}`
        isStock(link([at + WRITES, ...options]))
        assert.equal(stored(), objects.length)
        await elsewhere((directory) => isStock(link([at, NONE], directory), directory))
      } finally {
        await other.stop()
      }
    })
  }
})

describe('a link whose results a cache is to keep', () => {
  let program: DistccLink
  let engine: FakeEngine
  before(() => {
    program = new DistccLink(3, 2)
  })
  afterEach(() => engine.stop())
  after(() => program.remove())

  const link = async (faults: Faults, ...more: readonly string[]): Promise<string> => {
    engine = await FakeEngine.start(faults)
    const option = `--distribute=reapi,remote_cache=${engine.address},remote_upload_local_results`
    const { exitCode, stdout, stderr } = await program.start([option, ...more])
    assert.deepEqual([exitCode, stdout], [0, ''], stderr)
    return stderr
  }

  test('puts each into it once, with the action and no input of it', async () => {
    assert.equal(await link({}), '')
    assert.ok(program.isIdentical())
    assert.equal(engine.results.size, 4)
    assert.equal(engine.count('UpdateActionResult'), 4)
    assert.equal(engine.blobs.size, 4 + 1 + 4 + 1, 'objects, one result that says nothing, actions, one command')
  })

  for (const [refuses, message] of [
    ['announced', /takes no results from clients; have writing .* remote_upload_local_results\n$/],
    ['denied', /takes no results of this user: PERMISSION_DENIED: readers only; have writing .*\n$/],
    ['silent', /\d results have not been stored: that would take longer than a link waits for it\n$/],
  ] as const) {
    test(`is done with one warning when it may not: ${refuses}`, async () => {
      const stderr = await link({ refusesResults: refuses })
      assert.match(stderr, message)
      assert.equal(stderr.trimEnd().split('\n').length, 1, stderr)
      assert.ok(program.isIdentical())
      assert.equal(engine.results.size, 0)
      if (refuses === 'announced') assert.equal(engine.blobs.size, 0, 'nothing is sent in vain')
    })
  }

  test('is done when look-ups are never answered', async () => {
    await link({ isSilent: true })
    assert.ok(program.isIdentical())
  })

  test('keeps to itself what nobody vouches for', async () => {
    const pool = new URL('../../examples/process-pool/index.js', import.meta.url).href
    const text = `import pool from '${pool}'\nexport default { ...pool, integrity: 'none' }\n`
    writeFileSync(join(program.directory, 'pool.mjs'), text)
    await link({}, '--distribute=./pool.mjs', NONE)
    assert.ok(program.isIdentical())
    assert.equal(engine.results.size, 0)
    engine.stop()
    await link({}, '--distribute=./pool.mjs', NONE, '--distribute-verify')
    assert.ok(program.isIdentical())
    assert.equal(engine.results.size, 4, 'what was compared with an object of this process')
  })

  test('keeps it to itself also with an engine, whose compiler is not the one that has compiled', async () => {
    engine = await FakeEngine.start({})
    const option = `--distribute=reapi,remote_executor=${engine.address},toolchain=image,remote_upload_local_results`
    const { exitCode, stderr } = await program.start([option])
    assert.equal(exitCode, 1)
    assert.match(stderr, /remote_upload_local_results: expected toolchain=ship with it/)
  })
})

describe('an entry that a link makes', () => {
  test('is the one that an engine makes: of the same name, with outputs of the same bytes', () =>
    inTemporaryDirectory(async (cwd) => {
      const objects = compile(cwd, PROGRAM, ['-g', '-Wframe-larger-than=100'])
      const engine = await FakeEngine.start({})
      const entries = async (options: string, ...more: readonly string[]): Promise<Record<string, unknown>> => {
        engine.results.clear()
        const args = ['-shared', ...objects, '-o', 'out', `--distribute=reapi,${options}`, ...more]
        const child = spawn(DTLTO, args, { cwd, stdio: 'ignore' })
        assert.deepEqual(await once(child, 'exit'), [0, null])
        return Object.fromEntries(
          [...engine.results]
            .sort()
            .map(([action, { outputFiles, exitCode }]) => [
              action,
              { exitCode, outputs: outputFiles.map(({ path, digest }) => [path, digest?.hash]) },
            ]),
        )
      }
      try {
        const executed = await entries(`remote_executor=${engine.address}`, NONE)
        assert.equal(Object.keys(executed).length, 4)
        const own = await entries(`remote_cache=${engine.address},remote_upload_local_results`)
        assert.deepEqual(own, executed)
      } finally {
        engine.stop()
      }
    }))
})

describe('a job whose object another compile might not give', () => {
  const sources = {
    'main.c': 'extern const char text[]; int main(void) { return text[0]; }\n',
    'text.c': `__asm__(".data\\n.globl text\\ntext: .incbin \\"text.txt\\"\\n.byte 0\\n.previous");\n`,
    'in.c': `int in(void) { __asm__ volatile(".pushsection .note.in\\n.incbin \\"text.txt\\"\\n.popsection"); return 1; }\n`,
  }
  test('is compiled, and not put into the cache', () =>
    inTemporaryDirectory(async (cwd) => {
      writeFileSync(join(cwd, 'text.txt'), 'some text')
      const objects = compile(cwd, sources)
      const engine = await FakeEngine.start({})
      const option = `--distribute=reapi,remote_cache=${engine.address},remote_upload_local_results`
      const stored = async (inputs: readonly string[], ...args: readonly string[]): Promise<number> => {
        engine.results.clear()
        const child = spawn(DTLTO, ['-shared', ...inputs, '-o', 'out', option, ...args], { cwd, stdio: 'ignore' })
        assert.deepEqual(await once(child, 'exit'), [0, null])
        return engine.results.size
      }
      try {
        assert.equal(await stored(objects), 1, 'main.o, whose two neighbours read a file by inline assembly')
        assert.equal(await stored(['main.o'], '--plugin-opt=dwo_dir=dwo'), 0, 'it has a file beside it')
        assert.equal(await stored(['main.o'], '--plugin-opt=-mattr=+nonsense'), 0, 'LLVM prints a line of its own')
        assert.equal(await stored(['main.o']), 1)
      } finally {
        engine.stop()
      }
    }))
})
