/**
 * Whose dtlto.toml counts, and what one may do that was merely found (docs/security.md): as root and as an ordinary user where the tests run as
 * root, else as the user who runs them.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { compile, DTLTO, DTLTO_BIN, must, type Ran, run, STOCK } from '../link/toolchain.js'

const ME = process.getuid?.() ?? -1
const STRANGER = 12_345

/** An error where it is read, and a link that must be distributed where there is no Node. */
const TEXT = 'sumary = true\nfallback = "none"\n'
const NO_NODE = { DTLTO_NODE: '/nonexistent' }

interface Who {
  readonly name: string
  readonly uid: number
}

const USERS: readonly Who[] =
  ME === 0
    ? [
        { name: 'root', uid: 0 },
        { name: 'an ordinary user', uid: 65_534 },
      ]
    : [{ name: 'this user', uid: ME }]

const ONLY_ROOT = ME === 0 ? false : 'only root can make files of other users'

/** A distributor that leaves a file beside itself when it is loaded. */
const CODEGEN = new URL('../plugins/codegen.js', import.meta.url).href
const PLUGIN = `import { writeFileSync } from 'node:fs'
import { codegen } from ${JSON.stringify(CODEGEN)}
writeFileSync(new URL('ran', import.meta.url), '')
export default { name: 'plugin', apiVersion: '2.0.0', options: { program: { type: 'string', description: '', runsCode: true } },
  open: (context) => {
    const good = codegen(context, 1)
    return { endpoints: () => [{ id: 'plugin', slots: 1, accepting: true }],
      compile: (job, endpoint, attempt) => good.compile(job, attempt), close: good.close, destroy: good.destroy }
  } }`

for (const { name, uid } of USERS) {
  describe(`a dtlto.toml above the working directory of ${name}`, () => {
    let root = ''
    let file = ''
    let cwd = ''
    let stock: Buffer

    before(() => {
      root = mkdtempSync(join(tmpdir(), 'dtlto-whose-'))
      compile(root, { 'one.c': 'int one(void) { return 1; }' })
      must(STOCK, ['-shared', 'one.o', '-o', 'stock'], { cwd: root })
      stock = readFileSync(join(root, 'stock'))
    })
    after(() => {
      rmSync(root, { recursive: true, force: true })
    })

    /** Starts afresh: `up/dtlto.toml` is to be made, links run in `up/below`. */
    const begin = (): void => {
      rmSync(join(root, 'up'), { recursive: true, force: true })
      rmSync(join(root, 'home'), { recursive: true, force: true })
      cwd = join(root, 'up/below')
      file = join(root, 'up/dtlto.toml')
      mkdirSync(cwd, { recursive: true })
      mkdirSync(join(root, 'home'))
      copyFileSync(join(root, 'one.o'), join(cwd, 'one.o'))
      if (ME === 0) execFileSync('chown', ['-R', `${String(uid)}:${String(uid)}`, root])
    }
    const write = (path: string, text: string): void => {
      writeFileSync(path, text)
      chmodSync(path, 0o644)
      if (ME === 0) chownSync(path, uid, uid)
    }
    const as = (program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Ran => {
      const options = { cwd, env: { HOME: join(root, 'home'), XDG_STATE_HOME: '', ...env } }
      if (ME !== 0) return run(program, args, options)
      const ids = [`--reuid=${String(uid)}`, `--regid=${String(uid)}`, '--clear-groups']
      return run('setpriv', [...ids, program, ...args], options)
    }
    const link = (args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Ran =>
      as(DTLTO, ['-shared', 'one.o', '-o', 'out', ...args], env)
    const dtlto = (...args: readonly string[]): Ran => as(join(DTLTO_BIN, 'dtlto'), args)

    const isFound = (): void => {
      const { exitCode, stderr } = link()
      assert.equal(exitCode, 1, stderr)
      assert.match(stderr, /unknown setting 'sumary'/)
      assert.match(link([], NO_NODE).stderr, /^ld\.dtlto: error: cannot start Node [^\n]*\n$/)
    }
    const isPassedBy = (why: RegExp): void => {
      const { exitCode, stderr } = link()
      assert.equal(exitCode, 0, stderr)
      assert.match(stderr, /^ld\.dtlto: warning: '.*dtlto\.toml' is not used: .*--distribute-config\n$/)
      assert.match(stderr, why)
      assert.ok(readFileSync(join(cwd, 'out')).equals(stock))
      const withoutNode = link([], NO_NODE)
      assert.equal(withoutNode.exitCode, 0)
      assert.match(withoutNode.stderr, /^ld\.dtlto: warning: cannot start Node [^\n]*; this link is not distributed\n$/)
    }

    const FOUND: Readonly<Record<string, { readonly make: () => void; readonly skip?: string | false }>> = {
      'belongs to that user': { make: () => write(file, TEXT) },
      'belongs to root': {
        skip: ONLY_ROOT,
        make: () => {
          write(file, TEXT)
          chownSync(file, 0, 0)
        },
      },
      'may be written by a group of nobody else': {
        skip: process.getgid?.() === ME || ME === 0 ? false : 'this user has no group of the same number',
        make: () => {
          write(file, TEXT)
          chmodSync(file, 0o664)
        },
      },
      'stands in a sticky directory, as /tmp is': {
        make: () => {
          write(file, TEXT)
          chmodSync(join(root, 'up'), 0o1777)
        },
      },
      'is a symbolic link of that user to a file of that user': {
        make: () => {
          write(join(root, 'up/real.toml'), TEXT)
          symlinkSync('real.toml', file)
          lchownSync(file, uid, uid)
        },
      },
    }
    for (const [sentence, { make, skip = false }] of Object.entries(FOUND)) {
      test(`is found when it ${sentence}`, { skip }, () => {
        begin()
        make()
        isFound()
      })
    }

    const PASSED_BY: Readonly<
      Record<string, { readonly make: () => void; readonly why: RegExp; readonly skip?: string | false }>
    > = {
      'belongs to somebody else': {
        skip: ONLY_ROOT,
        make: () => {
          write(file, TEXT)
          chownSync(file, STRANGER, STRANGER)
        },
        why: /it belongs to user 12345/,
      },
      'is a symbolic link of somebody else': {
        skip: ONLY_ROOT,
        make: () => {
          write(join(root, 'up/real.toml'), TEXT)
          symlinkSync('real.toml', file)
          lchownSync(file, STRANGER, STRANGER)
        },
        why: /it is a symbolic link of user 12345/,
      },
      'is a symbolic link to a file of somebody else': {
        skip: ONLY_ROOT,
        make: () => {
          write(join(root, 'up/real.toml'), TEXT)
          chownSync(join(root, 'up/real.toml'), STRANGER, STRANGER)
          symlinkSync('real.toml', file)
          lchownSync(file, uid, uid)
        },
        why: /it belongs to user 12345/,
      },
      'may be written by everybody': {
        make: () => {
          write(file, TEXT)
          chmodSync(file, 0o666)
        },
        why: /others may write it \(mode 0666\)/,
      },
      'may be written by a group of others': {
        skip: ONLY_ROOT,
        make: () => {
          write(file, TEXT)
          chownSync(file, uid, STRANGER)
          chmodSync(file, 0o664)
        },
        why: /others may write it \(mode 0664\)/,
      },
      'stands in a directory that everybody may write to': {
        make: () => {
          write(file, TEXT)
          chmodSync(join(root, 'up'), 0o777)
        },
        why: /others may write to its directory '.*up' \(mode 0777\)/,
      },
      'stands in a directory of somebody else': {
        skip: ONLY_ROOT,
        make: () => {
          write(file, TEXT)
          chownSync(join(root, 'up'), STRANGER, STRANGER)
        },
        why: /its directory '.*up' belongs to user 12345/,
      },
      'is a fifo, which nobody writes to': {
        make: () => {
          execFileSync('mkfifo', [file])
          if (ME === 0) chownSync(file, uid, uid)
        },
        why: /it is not a regular file/,
      },
      'is a directory': {
        make: () => {
          mkdirSync(file)
          if (ME === 0) chownSync(file, uid, uid)
        },
        why: /it is not a regular file/,
      },
      'is a symbolic link that leads nowhere': {
        make: () => {
          symlinkSync('none.toml', file)
          lchownSync(file, uid, uid)
        },
        why: /it is a symbolic link that leads nowhere/,
      },
    }
    for (const [sentence, { make, why, skip = false }] of Object.entries(PASSED_BY)) {
      test(`is passed by, with one line, when it ${sentence}`, { skip }, () => {
        begin()
        make()
        isPassedBy(why)
      })
    }

    test('that is passed by does not hide one further up', () => {
      begin()
      write(file, TEXT)
      write(join(cwd, 'dtlto.toml'), 'verify = true')
      chmodSync(join(cwd, 'dtlto.toml'), 0o666)
      isFound()
    })

    const ran = (): boolean => existsSync(join(root, 'up/plugin/ran'))
    const withPlugin = (text: string): void => {
      begin()
      mkdirSync(join(root, 'up/plugin'))
      if (ME === 0) chownSync(join(root, 'up/plugin'), uid, uid)
      write(join(root, 'up/plugin/plugin.mjs'), PLUGIN)
      write(file, text)
    }

    test('names code, which is not loaded before the user has allowed the file, as it is, and no longer than that', () => {
      withPlugin('distribute = ["./plugin/plugin.mjs", "local"]\n')
      const isRefused = (): void => {
        const { exitCode, stderr } = link()
        assert.equal(exitCode, 0, stderr)
        assert.match(
          stderr,
          /^ld\.dtlto: warning: distributor '.*plugin\.mjs' is not used: it is code that '.*dtlto\.toml' names; /,
        )
        assert.match(stderr, /^[^\n]*; look at it, and if you trust it run: dtlto allow '.*\/up\/dtlto\.toml'\n$/)
        assert.ok(readFileSync(join(cwd, 'out')).equals(stock))
        assert.ok(!ran())
      }
      isRefused()
      const allowed = dtlto('allow')
      assert.equal(allowed.stdout, `'${file}' may name code to run: ${join(root, 'up/plugin/plugin.mjs')}\n`)
      const { exitCode, stderr } = link()
      assert.equal(`${String(exitCode)}${stderr}`, '0')
      assert.ok(ran())
      assert.equal(dtlto('allow', '--list').stdout, `${file}\n`)

      rmSync(join(root, 'up/plugin/ran'))
      write(file, 'distribute = ["./plugin/plugin.mjs"]\n')
      isRefused()
      assert.equal(dtlto('allow', '--list').stdout, `${file} (no longer: the file has changed since)\n`)
      assert.equal(dtlto('allow', file).exitCode, 0)
      assert.equal(link().stderr, '')
      rmSync(join(root, 'up/plugin/ran'))
      assert.equal(dtlto('deny', file).stdout, `'${file}' may no longer name code to run\n`)
      isRefused()
      assert.equal(dtlto('deny').stdout, `'${file}' was not allowed to name code to run\n`)
    })

    test('that was allowed is not allowed in another place', () => {
      withPlugin('distribute = "./plugin/plugin.mjs"\n')
      dtlto('allow')
      renameSync(join(root, 'up'), join(root, 'moved'))
      try {
        cwd = join(root, 'moved/below')
        assert.match(link().stderr, /is not used: it is code that/)
      } finally {
        rmSync(join(root, 'moved'), { recursive: true })
      }
    })

    test('needs no consent when the command line or the environment names it, or the code', () => {
      const plugin = '../plugin/plugin.mjs'
      const ways: readonly (() => Ran)[] = [
        () => link([`--distribute=${plugin}`]),
        () => link([`--distribute-config=../dtlto.toml`]),
        () => link([], { DTLTO_DISTRIBUTE: plugin }),
        () => link([], { DTLTO_CONFIG: '../dtlto.toml' }),
      ]
      for (const way of ways) {
        withPlugin('distribute = "./plugin/plugin.mjs"\n')
        const { exitCode, stderr } = way()
        assert.equal(`${String(exitCode)}${stderr}`, '0')
        assert.ok(ran())
      }
    })

    test('cannot give a program to run to a distributor before the user has allowed it', () => {
      withPlugin('[distributor."plugin/plugin.mjs"]\nprogram = "/bin/sh"\n')
      const args = ['--distribute=../plugin/plugin.mjs']
      const { exitCode, stderr } = link(args)
      assert.equal(exitCode, 1)
      assert.match(
        stderr,
        /'program' of \[distributor\.plugin\/plugin\.mjs\] in '.*toml:2:1': it names a program to run; look/,
      )
      dtlto('allow')
      assert.equal(link(args).stderr, '')
    })

    test('that was allowed cannot name code that somebody else may write', () => {
      withPlugin('distribute = "./plugin/plugin.mjs"\n')
      dtlto('allow')
      chmodSync(join(root, 'up/plugin/plugin.mjs'), 0o666)
      const { exitCode, stderr } = link()
      assert.equal(exitCode, 0)
      assert.match(stderr, /distributor '.*plugin\.mjs', which '.*dtlto\.toml' names, is not used: others may write it/)
      assert.ok(!ran())
    })

    test('cannot be allowed when somebody else may write it, nor when there is none', () => {
      withPlugin('distribute = "./plugin/plugin.mjs"\n')
      chmodSync(file, 0o666)
      assert.match(dtlto('allow', file).stderr, /^dtlto: error: '.*' cannot be allowed: others may write it/)
      rmSync(file)
      assert.match(dtlto('allow', file).stderr, /^dtlto: error: no such file '.*dtlto\.toml'\n$/)
      assert.match(dtlto('allow').stderr, /^dtlto: error: there is no dtlto\.toml from '.*below' upwards\n$/)
    })

    test('is not allowed by a consent that somebody else may have stored, nor without a home', () => {
      withPlugin('distribute = "./plugin/plugin.mjs"\n')
      dtlto('allow')
      const consents = join(root, 'home/.local/state/dtlto/allowed')
      chmodSync(consents, 0o777)
      assert.match(link().stderr, /is not used: it is code that/)
      chmodSync(consents, 0o700)
      assert.equal(link().stderr, '')
      assert.match(link([], { HOME: 'nowhere' }).stderr, /is not used: it is code that/)
    })

    test('that names distcc does not get a package of that name near the working directory', () => {
      begin()
      const impostor = join(cwd, 'node_modules/@dtlto/distributor-distcc')
      mkdirSync(impostor, { recursive: true })
      writeFileSync(join(impostor, 'package.json'), '{ "main": "index.js" }')
      writeFileSync(join(impostor, 'index.js'), `require('node:fs').writeFileSync(__dirname + '/ran', '')`)
      if (ME === 0) execFileSync('chown', ['-R', `${String(uid)}:${String(uid)}`, join(cwd, 'node_modules')])
      const { exitCode, stderr } = link(['--distribute=distcc,hosts=127.0.0.1:1,probe=off'])
      assert.equal(exitCode, 0, stderr)
      assert.ok(!existsSync(join(impostor, 'ran')))
    })

    test('or no file at all: a package that somebody else may write is not loaded by its name', () => {
      begin()
      const found = join(root, 'up/node_modules/acme')
      mkdirSync(found, { recursive: true })
      writeFileSync(join(found, 'package.json'), '{ "main": "index.js" }')
      writeFileSync(join(found, 'index.js'), `require('node:fs').writeFileSync(__dirname + '/ran', '')`)
      chmodSync(join(found, 'index.js'), 0o666)
      if (ME === 0) execFileSync('chown', ['-R', `${String(uid)}:${String(uid)}`, join(root, 'up/node_modules')])
      const { exitCode, stderr } = link(['--distribute=acme'])
      assert.equal(exitCode, 1)
      assert.match(stderr, /tried 'acme from .*': '.*index\.js': others may write it \(mode 0666\)/)
      assert.ok(!existsSync(join(found, 'ran')))
    })
  })
}
