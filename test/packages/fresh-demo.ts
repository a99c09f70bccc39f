/** The demo where nothing is but Debian and a Node: what it installs and takes. */
import { cpSync, existsSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { copyCheckout } from '../../scripts/copy-checkout.mjs'
import { shellBlocks } from '../documents/shell-blocks.js'
import { must } from '../link/toolchain.js'
import { ownDebian } from './fresh-debian.js'
import { RELEASES, readyForUsers, type Suite, type To, type Tried } from './fresh-machine.js'

/** `times`, a builtin of shells: `1m2.3s 0m4.5s` of the shell, and in the next line of what it started. */
const TIMES = /^(\d+)m([\d.]+)s (\d+)m([\d.]+)s$/gm

/** By an ordinary user with sudo, and by the Node and npm that run this. All bytes count: packages of Debian and npm, apt's and npm's caches, the build, redis. */
export function tryDemo(suite: Suite, { logs, keep }: Pick<To, 'logs' | 'keep'>): Tried {
  const machine = `Debian ${String(RELEASES[suite])}`
  console.log(`fresh-machines: ${suite}, demo`)
  const none = { machine, name: 'npm run demo', fetched: '', disk: '', install: '', clang: '', link: '' }
  const debian = ownDebian(suite)
  const bytes = () => Number.parseInt(must('du', ['-sxB1', '--exclude=proc', debian.root], { cwd: '/' })) / 1e6
  try {
    const emptyMegabytes = bytes()
    bringNode(debian.outside('/usr/local'))
    copyCheckout(debian.outside(join(debian.home, 'dtlto')))
    const ready = debian.asRoot(readyForUsers(debian))
    if (ready.exitCode !== 0) throw new Error(ready.stderr)
    const readyMegabytes = bytes()

    const script = `. /tmp/state; cd dtlto && ${documented()} && times`
    const { exitCode, stdout, stderr } = debian.run('bash', ['-c', script])
    writeFileSync(join(logs, `${suite}-demo.log`), stdout + stderr)
    if (exitCode !== 0) throw new Error(`'npm run demo' ends with ${String(exitCode)}: see '${suite}-demo.log'`)
    const [, minutes, rest, systemMinutes, systemRest] = [...stdout.matchAll(TIMES)].at(-1) ?? []
    const seconds = (Number(minutes) + Number(systemMinutes)) * 60 + Number(rest) + Number(systemRest)
    if (!/^\| dtlto +\|.*\| yes +\|$/m.test(stdout)) throw new Error("the demo's table has no identical dtlto")
    const all = bytes()
    const disk = `${(all - readyMegabytes).toFixed(0)} MB (${(all - emptyMegabytes).toFixed(0)} with Node, sudo, the checkout)`
    return { ...none, disk, link: `${seconds.toFixed(0)} s of processor time`, verdict: 'yes' }
  } catch (error) {
    return { ...none, verdict: 'no', trouble: error instanceof Error ? error.message : String(error) }
  } finally {
    if (keep) console.log(`fresh-machines: ${debian.root}`)
    else debian.close()
  }
}

function documented(): string {
  const blocks = shellBlocks('README.md').filter(({ heading }) => heading === 'The first link')
  const typed = blocks.map(({ text }) => text.trim()).find((text) => text.endsWith(' demo'))
  if (typed === undefined) throw new Error("README.md, 'The first link': there is no demo")
  return typed
}

/** @param prefix such as /usr/local */
function bringNode(prefix: string): void {
  const npm = ['../lib/node_modules/npm', '../share/nodejs/npm'].map((path) => join(dirname(process.execPath), path))
  const found = npm.find((path) => existsSync(path))
  if (found === undefined) throw new Error(`there is no npm beside '${process.execPath}'`)
  cpSync(process.execPath, join(prefix, 'bin/node'))
  cpSync(found, join(prefix, 'lib/node_modules/npm'), { recursive: true, verbatimSymlinks: true })
  must('ln', ['-s', '../lib/node_modules/npm/bin/npm-cli.js', join(prefix, 'bin/npm')], { cwd: '/' })
}
