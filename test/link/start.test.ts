import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { transform } from 'esbuild'
import { PACKAGED } from '../../packages/dtlto/src/distributors/locate.js'
import { readFileSync } from 'node:fs'
import {
  compileShim,
  copyDistributors,
  copyInstallation,
  writeNodeOfVersion,
  writeShim,
} from '../launcher/installation.js'
import { compile, DTLTO, DTLTO_BIN, must, type Ran, run, SMALL_PROGRAM } from './toolchain.js'

/** A distributor that shows the environment of Node and of the programs that it starts. */
const WITNESS = `
export default {
  name: 'witness', apiVersion: '2.0.0', options: {},
  async open(context) {
    const { spawnSync } = await import('node:child_process')
    const children = spawnSync('/usr/bin/env', ['-0'], { encoding: 'utf8' }).stdout.split('\\0')
    console.error(JSON.stringify({ children, execArgv: process.execArgv, own: process.env }))
    return {
      endpoints: () => [],
      compile: () => Promise.reject(new Error('none')), close: async () => {}, destroy() {},
    }
  },
}`

/** The line with which a code cache begins: the program's hash, and the Node that has compiled it. */
function headOf(cache: Buffer): string {
  return cache.toString('latin1', 0, cache.indexOf('\n') + 1)
}

/** Options with which the distributors that come with dtlto are loaded, and find nobody. */
const UNREACHABLE: Readonly<Record<string, string>> = {
  distcc: 'hosts=127.0.0.1:1',
  external: 'program=/bin/false',
  reapi: 'remote_executor=grpc://127.0.0.1:1',
  ssh: 'hosts=nobody@127.0.0.1:1',
}

interface Seen {
  readonly children: readonly string[]
  readonly own: Readonly<Record<string, string>>
}

describe('the start of a linker program', () => {
  let cwd = ''
  let objects: string[] = []
  before(() => {
    cwd = mkdtempSync(join(tmpdir(), 'dtlto '))
    objects = compile(cwd, SMALL_PROGRAM)
    writeFileSync(join(cwd, 'witness.mjs'), WITNESS)
  })
  after(() => {
    rmSync(cwd, { recursive: true })
  })

  const link = (env: Readonly<Record<string, string>>, args = ['--distribute=local'], program = DTLTO): Ran =>
    run(program, [...objects.map((object) => join(cwd, object)), '-shared', '-o', 'out.so', ...args], { cwd, env })
  const quiet: Ran = { exitCode: 0, stdout: '', stderr: '' }

  it('hides from Node what steers it, and from nothing else', () => {
    const user: Record<string, string> = {
      NODE_OPTIONS: '--no-such-option --require=/nonexistent.cjs',
      NODE_DEBUG: 'module,fs,net',
      NODE_CHANNEL_FD: '77',
      NODE_UNIQUE_ID: '1',
      NODE_EXTRA_CA_CERTS: '/nonexistent.pem',
      NODE_PATH: '/nonexistent',
      NODE_REDIRECT_WARNINGS: join(cwd, 'warnings'),
      NODE_PENDING_DEPRECATION: '1',
      NODE_ICU_DATA: '/nonexistent',
      OPENSSL_CONF: '/nonexistent.cnf',
      UV_THREADPOOL_SIZE: '0',
      MALLOC_CONF: 'stats_print:true,prof:true',
    }
    assert.deepEqual(link(user), quiet)
    const { exitCode, stderr } = link(user, ['--distribute=./witness.mjs', '--distribute=local'])
    assert.equal(exitCode, 0, stderr)
    const seen = JSON.parse(/\{.*\}/.exec(stderr)?.[0] ?? stderr) as Seen
    const expected: NodeJS.ProcessEnv = { ...process.env, ...user, PWD: undefined, OLDPWD: undefined, _: undefined }
    const children = Object.fromEntries<string>(
      seen.children
        .filter(Boolean)
        .map((variable) => [variable.slice(0, variable.indexOf('=')), variable.slice(variable.indexOf('=') + 1)]),
    )
    for (const [name, value] of Object.entries(expected)) {
      if (value === undefined) continue
      assert.equal(children[name], value, name)
      assert.equal(seen.own[name], value, name)
    }
    assert.deepEqual(
      Object.keys(children).filter((name) => !(name in expected)),
      [],
    )
  })

  it('leaves the coverage of others alone', () => {
    assert.deepEqual(link({ NODE_V8_COVERAGE: join(cwd, 'coverage') }), quiet)
    assert.equal(run('test', ['-e', 'coverage'], { cwd }).exitCode, 1)
  })

  it('keeps what the user preloads', () => {
    const { stderr } = link({ LD_PRELOAD: 'libutil.so.1' }, ['--distribute=./witness.mjs', '--distribute=local'])
    assert.match(stderr, /"LD_PRELOAD=libutil\.so\.1"/)
  })

  it('keeps what the user preloads, or does not, where signals are ignored', () => {
    const args = ['-shared', '-o', 'out.so', ...objects, '--distribute=./witness.mjs', '--distribute=local']
    const preloaded = (env: Readonly<Record<string, string>>): string | undefined => {
      const { stderr } = run('sh', ['-c', `trap '' HUP; exec "$@"`, 'sh', DTLTO, ...args], { cwd, env })
      assert.match(stderr, /"children":/)
      return /"(LD_PRELOAD=[^"]*)"/.exec(stderr)?.[1]
    }
    assert.equal(preloaded({ LD_PRELOAD: 'libutil.so.1' }), 'LD_PRELOAD=libutil.so.1')
    assert.equal(preloaded({ LD_PRELOAD: '' }), 'LD_PRELOAD=')
  })

  for (const [name, make] of Object.entries<() => string>({
    'a compiled program': () => compileShim(cwd),
    'a script': () => writeShim(cwd, 'script', '#!/bin/sh\nexec "$NODE" "$@"\n'),
    'a script that sets a variable': () => writeShim(cwd, 'env', '#!/bin/sh\nexec env X=1 "$NODE" "$@"\n'),
    'a script that does not become Node': () => writeShim(cwd, 'child', '#!/bin/sh\n"$NODE" "$@"\nexit $?\n'),
    'a script without #!': () => writeShim(cwd, 'bare', 'exec "$NODE" "$@"\n'),
  })) {
    it(`takes for Node ${name}`, () => {
      assert.deepEqual(link({ DTLTO_NODE: make() }), quiet)
    })
  }

  for (const version of ['12.22.12', '18.20.8', '20.18.3']) {
    it(`says in one line that Node ${version} is too old, and links without`, () => {
      const node = writeNodeOfVersion(cwd, version)
      const problem = `Node '${process.execPath}' is version ${version}, which is too old; install Node 20.19 or newer, or let DTLTO_NODE name one`
      const env = { DTLTO_NODE: node, NODE_PATH: '/user' }
      const args = ['--distribute=distcc', 'hosts=none', '--distribute-summary']
      assert.deepEqual(link(env, args), {
        exitCode: 0,
        stdout: '',
        stderr: `ld.dtlto: warning: ${problem}; this link is not distributed\n`,
      })
      const stderr = `ld.dtlto: error: ${problem}\n`
      for (const none of [['--distribute-fallback=none'], ['--distribute-required']]) {
        assert.deepEqual(link(env, [...args, ...none]), { exitCode: 1, stdout: '', stderr })
      }
      assert.deepEqual(link({ ...env, DTLTO_FALLBACK: 'none' }, args), { exitCode: 1, stdout: '', stderr })
    })
  }

  it('begins with a program that old versions of Node can read', async () => {
    const start = fileURLToPath(new URL('../../packages/dtlto/src/cli/start.cjs', import.meta.url))
    await transform(readFileSync(start, 'utf8'), { target: 'es5' })
    const acorn = createRequire(createRequire(import.meta.url).resolve('eslint'))('acorn') as {
      parse: (text: string, options: object) => unknown
    }
    acorn.parse(readFileSync(start, 'utf8'), { ecmaVersion: 5, sourceType: 'script' })
  })

  it('says in one line that DTLTO_NODE cannot be started', () => {
    const { exitCode, stderr } = link({ DTLTO_NODE: '/nonexistent/node' })
    assert.equal(exitCode, 0)
    assert.equal(
      stderr,
      "ld.dtlto: warning: cannot start Node '/nonexistent/node', which DTLTO_NODE names: No such file or directory; " +
        'install Node 20.19 or newer, or let DTLTO_NODE name one; this link is not distributed\n',
    )
  })

  it('works from a place with blanks, colons and line feeds, and finds Node on PATH, or says that there is none', () => {
    const bin = copyInstallation(join(cwd, 'a place:with\n"odd" $(name)'))
    assert.deepEqual(link({}, ['--distribute=local'], join(bin, 'ld.dtlto')), quiet)
    assert.deepEqual(link({}, [], join(bin, 'ld.dtlto')), quiet)
    const whenIgnored = ['-c', `trap '' HUP INT; exec "$@"`, 'sh', join(bin, 'ld.dtlto'), ...objects]
    assert.deepEqual(run('sh', [...whenIgnored, '-shared', '-o', 'out.so', '--distribute=local'], { cwd }), quiet)
    assert.match(must(join(bin, 'dtlto'), ['--version'], { cwd }), /^dtlto /)
    const { exitCode, stderr } = link({ PATH: '/nonexistent' }, ['--distribute=local'], join(bin, 'ld.dtlto'))
    assert.deepEqual(
      [exitCode, stderr],
      [
        0,
        'ld.dtlto: warning: there is no Node: install Node 20.19 or newer, or let DTLTO_NODE name one; this link is not distributed\n',
      ],
    )
  })

  it('works when a shell finds it on PATH', () => {
    const env = { PATH: `${DTLTO_BIN}${delimiter}${process.env['PATH'] ?? ''}` }
    assert.deepEqual(
      run('sh', ['-c', `ld.dtlto -shared -o out.so ${objects.join(' ')} --distribute=local`], { cwd, env }),
      quiet,
    )
  })

  it('prefers a Node beside the programs, then DTLTO_NODE, then the one of the installation, then PATH', () => {
    const root = join(cwd, 'ordered')
    const bin = copyInstallation(root)
    const named = (name: string) =>
      writeShim(join(cwd, 'nodes', name), 'node', `#!/bin/sh\necho ${name} >&2\nexec "$NODE" "$@"\n`)
    const env: Record<string, string> = { PATH: join(named('path'), '..') + delimiter + (process.env['PATH'] ?? '') }
    const started = () => link(env, ['--distribute=local'], join(bin, 'ld.dtlto')).stderr
    assert.equal(started(), 'path\n')
    writeShim(join(root, 'packages/dtlto/build'), 'node-path', named('installation'))
    assert.equal(started(), 'installation\n')
    env['DTLTO_NODE'] = named('variable')
    assert.equal(started(), 'variable\n')
    writeShim(bin, 'node', '#!/bin/sh\necho bundled >&2\nexec "$NODE" "$@"\n')
    assert.equal(started(), 'bundled\n')
    chmodSync(join(bin, 'node'), 0o644)
    assert.equal(started(), 'variable\n')
  })

  it('runs without the code cache, and with one of another program', () => {
    const root = join(cwd, 'cached')
    const bin = copyInstallation(root)
    must(process.execPath, [join(root, 'packages/dtlto/keep-compiled.cjs')], { cwd })
    const cache = join(root, 'packages/dtlto/build/cli.cache')
    const bytes = readFileSync(cache)
    for (const text of [bytes, bytes.subarray(0, 5000), Buffer.from(`${headOf(bytes)}no cache`)]) {
      writeFileSync(cache, text)
      assert.deepEqual(link({}, ['--distribute=local'], join(bin, 'ld.dtlto')), quiet)
    }
  })

  it('takes the code caches of its distributors', () => {
    const root = join(cwd, 'cached distributors')
    const bin = copyInstallation(root)
    copyDistributors(root)
    // Of another program of the same length, which is what V8 compares, beside its own flags.
    const paths = PACKAGED.map((name) => join(root, `packages/distributor-${name}/dist/${name}.cjs`))
    const texts = paths.map((path) => readFileSync(path, 'utf8'))
    for (const [i, path] of paths.entries()) {
      const text = texts[i] ?? ''
      const other = `${text.slice(0, text.indexOf('*/') + 2)}require('node:fs').writeSync(1, 'from the cache')`
      writeFileSync(path, other.padEnd(text.length))
    }
    must(process.execPath, [join(root, 'packages/dtlto/keep-compiled.cjs')], { cwd })
    for (const [i, path] of paths.entries()) writeFileSync(path, texts[i] ?? '')
    for (const name of PACKAGED) {
      const ran = link({}, [`--distribute=${name},${UNREACHABLE[name] ?? ''}`], join(bin, 'ld.dtlto'))
      assert.equal(ran.stdout, 'from the cache', name)
    }
  })

  it('takes no code cache of another Node, though V8 would', () => {
    const root = join(cwd, 'cached elsewhere')
    const bin = copyInstallation(root)
    must(process.execPath, [join(root, 'packages/dtlto/keep-compiled.cjs')], { cwd })
    const cache = join(root, 'packages/dtlto/build/cli.cache')
    const source = readFileSync(join(root, 'packages/dtlto/dist/cli.cjs'), 'utf8')
    const made = headOf(readFileSync(cache))
    assert.ok(made.includes(`"node":"${process.versions.node}"`), made)
    // Something else, of the same length, which is what V8 compares; made without the options of this process, which V8 compares too.
    const length = `(function(require,module,__import,__filename,__dirname){${source}\n})`.length
    writeFileSync(
      join(root, 'make.cjs'),
      `const script = new (require('node:vm').Script)('(function(){process.reallyExit(7)})'.padEnd(${length}))
      const { reallyExit } = process
      process.reallyExit = () => undefined
      script.runInThisContext()()
      process.reallyExit = reallyExit
      require('node:fs').writeFileSync('compiled', script.createCachedData())`,
    )
    must(process.execPath, [join(root, 'make.cjs')], { cwd: root })
    const compiled = readFileSync(join(root, 'compiled'))
    const write = (node: string): void => writeFileSync(cache, Buffer.concat([Buffer.from(node, 'latin1'), compiled]))
    const ran = (): Ran => link({}, ['--distribute=local'], join(bin, 'ld.dtlto'))
    write(made)
    assert.equal(ran().exitCode, 7, 'a cache of this Node is what runs')
    write(made.replace(`"node":"${process.versions.node}"`, '"node":"20.19.0"'))
    assert.deepEqual(ran(), quiet)
  })

  it('loads libLLVM beside the program, not where threads or another way of loading forbid it', () => {
    const order = (env: Readonly<Record<string, string>>): readonly string[] => {
      const args = ['-f', '-qq', '-e', 'trace=openat', '-o', 'opened', DTLTO, ...objects, '-shared', '-o', 'out.so']
      assert.deepEqual(run('strace', [...args, '--distribute=local'], { cwd, env }), quiet)
      const opened = readFileSync(join(cwd, 'opened'), 'utf8').split('\n')
      const main = opened[0]?.split(' ')[0] ?? ''
      return opened.flatMap((line) => {
        const [, path = '', file] = /"([^"]*(early\.node|cli\.cjs|libLLVM)[^"]*)"/.exec(line) ?? []
        return existsSync(path) ? [`${line.startsWith(`${main} `) ? 'main' : 'other'}: ${file}`] : []
      })
    }
    const early = order({})
    assert.deepEqual([early.length, early[0]], [3, 'main: early.node'])
    assert.ok(early.includes('other: libLLVM'), early.join())
    const libc = `/lib/${process.arch === 'x64' ? 'x86_64' : 'aarch64'}-linux-gnu/libdl.so.2`
    assert.deepEqual(order({ LD_PRELOAD: libc }), ['main: cli.cjs', 'main: libLLVM'])
  })

  it('loads a distributor that comes with it as one file, from the code cache', () => {
    for (const name of PACKAGED) {
      const args = ['-f', '-qq', '-e', 'trace=openat', '-o', 'opened', DTLTO, ...objects, '-shared', '-o', 'out.so']
      run('strace', [...args, `--distribute=${name},${UNREACHABLE[name] ?? ''}`], { cwd })
      const opened = readFileSync(join(cwd, 'opened'), 'utf8')
      const files = opened.match(/(?<=dtlto\/build\/|\/dist\/)[^/"]+\.(?:cache|[cm]?js)(?=", .*= \d)/g) ?? []
      assert.deepEqual(files.slice(-2), [`${name}.cjs`, `${name}.cache`], name)
    }
  })

  it('starts in an empty environment', () => {
    const args = [...objects, '-shared', '-o', 'out.so', '--distribute=local']
    const { status, stderr } = spawnSync(DTLTO, args, { cwd, env: {}, encoding: 'utf8' })
    assert.deepEqual([status, stderr], [0, ''])
  })
})
