/** The Dockerfiles of docs/install.md, without Docker: each instruction is carried out in a fresh Debian, as root. */
import { copyFileSync, mkdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { seconds } from '../../bench/format.js'
import { must } from '../link/toolchain.js'
import { dockerInstructions, documentedBlocks } from './documented.js'
import { type OwnDebian, ownDebian } from './fresh-debian.js'
import { RELEASES, type Suite, type To, type Tried, trustLikeHere } from './fresh-machine.js'

/** Those whose image is of this release. */
export function tryDockerfiles(suite: Suite, to: To): readonly Tried[] {
  const image = `debian:${String(RELEASES[suite])}`
  const all = suite === 'sid' ? [] : documentedBlocks('docs/install.md', 'In containers and CI', 'dockerfile')
  return all.filter((block) => block.startsWith(`FROM ${image}\n`)).map((block) => tryDockerfile(suite, block, to))
}

function tryDockerfile(suite: Suite, block: string, { packages, keep }: To): Tried {
  const machine = `Debian ${String(RELEASES[suite])}`
  const instructions = dockerInstructions(block)
  const name = `Dockerfile with ${/\.deb/.test(block) ? 'deb' : 'tarball'}`
  console.log(`fresh-machines: ${suite}, ${name}`)
  const debian = ownDebian(suite)
  const none = { machine, name, fetched: '', disk: '', clang: '', link: '' }
  try {
    const started = performance.now()
    build(debian, instructions, packages)
    return { ...none, install: seconds(performance.now() - started), verdict: 'yes' }
  } catch (error) {
    return { ...none, install: '', verdict: 'no', trouble: error instanceof Error ? error.message : String(error) }
  } finally {
    if (!keep) debian.close()
  }
}

function build(debian: OwnDebian, instructions: ReturnType<typeof dockerInstructions>, packages: string): void {
  let env = trustLikeHere(debian)
  for (const [instruction, rest] of instructions) {
    const [source = '', target = ''] = rest.split(/\s+/)
    const outside = debian.outside(target)
    switch (instruction) {
      case 'FROM':
        break
      case 'COPY':
        mkdirSync(outside, { recursive: true })
        copyFileSync(join(packages, source), join(outside, basename(source)))
        break
      case 'ADD':
        mkdirSync(outside, { recursive: true })
        must('sh', ['-c', 'zstd -dc "$1.zst" | tar -xf - -C "$2"', 'sh', join(packages, source), outside], { cwd: '/' })
        break
      case 'ENV': {
        const [variable = '', value = ''] = rest.split('=')
        env = { ...env, [variable]: value.replace('$PATH', env['PATH'] ?? '') }
        break
      }
      case 'RUN': {
        const { exitCode, stdout, stderr } = debian.asRoot(rest, env)
        if (exitCode !== 0) throw new Error(`'RUN ${rest}' ends with ${String(exitCode)}:\n${stdout}${stderr}`)
        if (rest === 'dtlto doctor' && !/^All is well\.$/m.test(stdout)) throw new Error(stdout)
        break
      }
      default:
        throw new Error(`'${instruction}' is not known here`)
    }
  }
}
