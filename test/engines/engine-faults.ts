/**
 * What can befall an engine in the middle of a link, done to a real one where that can have it, else to one of our own on real sockets. The tests of whole links
 * and bench/reapi-faults.ts go through this list.
 */
import { spawnSync } from 'node:child_process'
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { codegenProgram } from '@dtlto/native'
import { Cable } from '../../packages/distributor-distcc/src/testing/cable.js'
import { Casd, type CasdOptions } from '../../packages/distributor-reapi/src/testing/casd.js'
import { Certificates, whyNoCertificates } from '../../packages/distributor-reapi/src/testing/certificates.js'
import { FakeEngine, type Faults } from '../../packages/distributor-reapi/src/testing/fake-engine.js'

export interface EngineFault {
  /** What happens to the engine. */
  readonly name: string
  /** Why it cannot be made on this machine; undefined when it can. */
  readonly whyNot?: () => string | undefined
  readonly start: () => Promise<EngineVictim>
  /** What the warnings say. */
  readonly warning: RegExp
}

export interface EngineVictim {
  /** Of the distributor. */
  readonly options: string
  /** It executes a job of the link. To be asked often. */
  readonly isAtWork: () => boolean
  readonly strike: () => Promise<void> | void
  /** Whether the link has met what was done. Asked after the link. */
  readonly wasMet: () => boolean
  readonly stop: () => Promise<void> | void
}

/** Resolves true when the fault has struck, and false when the link was over before. */
export async function strikeEngine(victim: EngineVictim, linkEnded: Promise<unknown>): Promise<boolean> {
  let isOver = false
  void linkEnded.finally(() => (isOver = true))
  while (!victim.isAtWork()) {
    if (isOver) return false
    await sleep(5)
  }
  await victim.strike()
  return true
}

const CODEGEN = codegenProgram()

/** buildbox-casd with the compiler in its workers' image. */
async function casdVictim(
  strike: (casd: Casd) => Promise<void> | void,
  wasMet: (casd: Casd) => boolean,
  { options = {}, stop }: { options?: Omit<CasdOptions, 'root'>; stop?: () => void } = {},
): Promise<EngineVictim> {
  const casd = await Casd.start({ root: 'image', mounts: [`${dirname(CODEGEN)}:/opt/dtlto`], ...options })
  // The first one is the question for the compiler's version.
  const seen = new Set<number>()
  return {
    options: `remote_executor=${casd.address},toolchain=image,image_compiler=/opt/dtlto/dtlto-codegen`,
    isAtWork: () => {
      const running = casd.runners()
      for (const pid of running) seen.add(pid)
      return seen.size > 2 && running.length > 0
    },
    strike: () => strike(casd),
    wasMet: () => wasMet(casd),
    stop: async () => {
      await casd.stop()
      stop?.()
    },
  }
}

/** An engine that works, and on a strike does what it is told. */
async function toldVictim(
  faults: (engine: FakeEngine) => Faults,
  wasMet: (engine: FakeEngine) => boolean,
  start: Faults = {},
  more = '',
): Promise<EngineVictim> {
  const engine = await FakeEngine.start(start)
  return {
    options: `remote_executor=${engine.address},toolchain=image,image_compiler=${CODEGEN}${more}`,
    // The first one is the question for the compiler's version.
    isAtWork: () => engine.counts.executions > 1,
    strike: () => {
      engine.faults = faults(engine)
    },
    wasMet: () => wasMet(engine),
    stop: () => engine.stop(),
  }
}

/** To compare with. */
export const noEngineFault = (): Promise<EngineVictim> =>
  casdVictim(
    () => undefined,
    () => true,
  )

const MANY = 1_000_000

const onCable = (): Promise<EngineVictim> => {
  const cable = Cable.lay()
  const options = { wrapper: cable.wrapper, address: cable.address }
  return casdVictim(
    () => cable.cut('there'),
    () => spawnSync('ping', ['-c1', '-W1', cable.address]).status !== 0,
    { options, stop: () => cable.remove() },
  )
}

/** Its storage has a small disk of its own, which somebody fills. */
const smallDisk = (): Promise<EngineVictim> => {
  const store = mountSmallDisk()
  let isFull = false
  const fill = (): void => {
    // A moment later a job may have ended, and left some room again.
    const { stderr } = spawnSync('dd', ['if=/dev/zero', `of=${join(store, 'filler')}`, 'bs=4k'], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C' },
    })
    isFull = stderr.includes('No space left')
  }
  return casdVictim(fill, () => isFull, {
    // By default it wants 2 GB more.
    options: { store, args: ['--reserved=1M'] },
    stop: () => unmount(store),
  })
}

/**
 * Everything that it has stored is removed below it. Its directories stay: casd may store something meanwhile, and one that finds no directory for it may end.
 */
const wiped = (): Promise<EngineVictim> => {
  let hadObjects = false
  return casdVictim(
    ({ store }) => {
      const objects = join(store, 'cas/objects')
      for (const name of readdirSync(objects, { recursive: true, encoding: 'utf8' })) {
        const path = join(objects, name)
        if (lstatSync(path, { throwIfNoEntry: false })?.isFile() !== true) continue
        rmSync(path, { force: true })
        hadObjects = true
      }
    },
    () => hadObjects,
  )
}

function mountSmallDisk(): string {
  const directory = mkdtempSync(join(tmpdir(), 'dtlto-disk-'))
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'dtlto-test', directory])
  if (status === 0) return directory
  rmdirSync(directory)
  throw new Error('mounting a small disk is not permitted here')
}

function unmount(directory: string): void {
  spawnSync('umount', ['--lazy', directory])
  rmSync(directory, { recursive: true, force: true })
}

function whyNoSmallDisk(): string | undefined {
  try {
    unmount(mountSmallDisk())
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/** Comes back with another certificate. */
async function renewed(certificate: string): Promise<EngineVictim> {
  const directory = mkdtempSync(join(tmpdir(), 'dtlto-tls-'))
  const certificates = new Certificates(directory)
  for (const name of ['server', 'client']) certificates.sign(name)
  certificates.sign('expired', { isExpired: true })
  certificates.sign('elsewhere', { names: 'DNS:elsewhere.example' })
  const as = (name: string) => ({
    ca: certificates.read('ca.pem'),
    key: certificates.read(`${name}.key`),
    certificate: certificates.read(`${name}.pem`),
  })
  const engine = await FakeEngine.start({}, as('server'))
  const tls = `tls_certificate=${directory}/ca.pem,tls_client_certificate=${directory}/client.pem,tls_client_key=${directory}/client.key`
  let callsBefore = 0
  const calls = (): number => [...engine.counts.calls.values()].reduce((sum, count) => sum + count, 0)
  return {
    options: `remote_executor=${engine.address},toolchain=image,image_compiler=${CODEGEN},${tls}`,
    isAtWork: () => engine.counts.executions > 1,
    strike: async () => {
      await engine.restart(as(certificate))
      callsBefore = calls()
    },
    // Nobody has spoken to it any more.
    wasMet: () => calls() === callsBefore,
    stop: () => {
      engine.stop()
      rmSync(directory, { recursive: true })
    },
  }
}

function isStopped(pid: number | undefined): boolean {
  return /^State:\s+T/m.test(readFileSync(`/proc/${pid ?? 0}/status`, 'utf8'))
}

const GONE = /UNAVAILABLE|INTERNAL|CANCELLED|UNKNOWN/

export const ENGINE_FAULTS: readonly EngineFault[] = [
  {
    name: 'is killed',
    start: () =>
      casdVictim(
        (casd) => casd.kill(),
        (casd) => !casd.isRunning,
      ),
    warning: GONE,
  },
  {
    name: 'is killed and started again',
    start: async () => {
      let restarted: Casd | undefined
      const victim = await casdVictim(
        async (casd) => {
          const { port, store } = casd
          await casd.kill()
          restarted = await Casd.start({ root: 'image', mounts: [`${dirname(CODEGEN)}:/opt/dtlto`], port, store })
        },
        () => restarted !== undefined,
      )
      const stop = async (): Promise<void> => {
        await restarted?.stop()
        await victim.stop()
      }
      return { ...victim, stop }
    },
    warning: GONE,
  },
  {
    name: 'is stopped',
    start: () =>
      casdVictim(
        (casd) => casd.signal('SIGSTOP'),
        (casd) => isStopped(casd.pid),
      ),
    warning: /DEADLINE_EXCEEDED|UNAVAILABLE|late/,
  },
  {
    name: 'is cut off the network',
    whyNot: () => Cable.whyNot(),
    start: onCable,
    warning: /UNAVAILABLE|DEADLINE_EXCEEDED|late/,
  },
  {
    name: 'has a full disk',
    whyNot: whyNoSmallDisk,
    start: smallDisk,
    warning: /No space left|RESOURCE_EXHAUSTED|INTERNAL|UNKNOWN|UNAVAILABLE|FAILED_PRECONDITION|gone/,
  },
  {
    name: 'has its storage wiped',
    start: wiped,
    warning: /INTERNAL|NOT_FOUND|FAILED_PRECONDITION|gone|UNKNOWN/,
  },
  {
    name: 'loses inputs before it executes',
    start: () =>
      toldVictim(
        () => ({ losesInputs: { times: 3, dialect: 'precondition' } }),
        (engine) => engine.faults.losesInputs?.times === 0,
      ),
    warning: /FAILED_PRECONDITION/,
  },
  {
    name: 'loses outputs before they are read',
    start: () =>
      toldVictim(
        () => ({ losesOutputs: 5 }),
        (engine) => engine.faults.losesOutputs === 0,
      ),
    warning: /gone/,
  },
  {
    name: 'has an expired certificate when it comes back',
    whyNot: whyNoCertificates,
    start: () => renewed('expired'),
    warning: /certificate has expired/,
  },
  {
    name: 'has the certificate of another server when it comes back',
    whyNot: whyNoCertificates,
    start: () => renewed('elsewhere'),
    warning: /certificate's altnames/,
  },
  {
    name: 'does not know the token any more',
    start: async () => {
      process.env['DTLTO_TEST_TOKEN'] = 'old'
      const header = ',remote_header=authorization=$DTLTO_TEST_TOKEN'
      return await toldVictim(
        () => ({ token: 'new' }),
        (engine) => engine.counts.refusedTokens > 0,
        { token: 'old' },
        header,
      )
    },
    warning: /UNAUTHENTICATED.*remote_header/,
  },
  {
    name: 'has no quota left for a while',
    start: () =>
      toldVictim(
        () => ({ isExhausted: 4 }),
        (engine) => engine.faults.isExhausted === 0,
      ),
    warning: /RESOURCE_EXHAUSTED/,
  },
  {
    name: 'has no quota left',
    start: () =>
      toldVictim(
        () => ({ isExhausted: MANY }),
        (engine) => (engine.faults.isExhausted ?? MANY) < MANY,
      ),
    warning: /RESOURCE_EXHAUSTED/,
  },
  {
    name: 'gives other bytes than were stored',
    start: () =>
      toldVictim(
        () => ({ lies: true }),
        (engine) => engine.count('BatchReadBlobs') > 0,
      ),
    warning: /other bytes than the digest/,
  },
  {
    name: 'answers nothing to look-ups and reads',
    start: () =>
      toldVictim(
        () => ({ isSilent: true }),
        (engine) => engine.faults.isSilent === true,
      ),
    warning: /DEADLINE_EXCEEDED|late/,
  },
]
