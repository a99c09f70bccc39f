/** Compiles with dtlto-codegen on other machines: `ld.dtlto --distribute=examples/remote-shell/index.js,hosts=build1/8+build2/16 …`. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { CodegenAnswers, codegenMessage, codegenResult, defineDistributor, DtltoError, whileNone } from 'dtlto/plugin'

export default defineDistributor({
  name: 'remote-shell',
  apiVersion: '2.0.0',
  options: {
    hosts: { type: 'list', default: [], description: 'Machines, and their slots: build1/8+build2/16' },
    shell: { type: 'list', default: ['ssh', '-qoBatchMode=yes', '--'], runsCode: true, description: 'Runs a command' },
    codegen: { type: 'string', default: 'dtlto-codegen', description: 'The compiler at the hosts' },
  },
  open(context, { hosts, shell, codegen }) {
    if (hosts.length === 0) throw new DtltoError('DTLTO_PLUGIN_OPTION_INVALID', 'hosts: expected machines, got none')
    const running = new Set()
    const destroyed = new AbortController()
    const named = hosts.map((host) => host.split('/'))
    const endpoints = named.map(([id = '', slots = 4]) => ({ id, slots: Number(slots), accepting: true }))

    /** What the compiler prints. @type {(host: string, option: string, wanted: AbortSignal, input?: Buffer) => Promise<Buffer>} */
    const run = (host, option, wanted, input) =>
      whileNone([wanted, context.signal, destroyed.signal], async (signal) => {
        const [program, ...args] = [...shell, host, `${codegen} ${option}`]
        const process = promisify(execFile)(program, args, { encoding: 'buffer', maxBuffer: 2 ** 30, signal })
        process.child.stdin?.on('error', () => undefined).end(input)
        const { stdout } = await process.catch((/** @type {unknown} */ cause) => {
          throw new DtltoError('DTLTO_DISTRIBUTOR_FAILED', `${host}: ${String(cause)}`, { cause })
        })
        return stdout
      })
    /** @type {import('dtlto/plugin').Distributor['compile']} */
    const compile = async (job, { id }, { signal }) => {
      const packed = await job.package()
      if (packed.kind === 'cannot') return packed
      const message = codegenMessage(packed)
      const input = Buffer.concat(message.parts)
      message.release()
      const answer = new CodegenAnswers(message.job).push(await run(id, '--serve', signal, input))
      if (answer === undefined) throw new DtltoError('DTLTO_DISTRIBUTOR_FAILED', `${id}: half an answer`)
      return codegenResult(answer, job.moduleId, packed)
    }
    return {
      endpoints: () => endpoints,
      async probe({ id }, signal) {
        const version = String(await run(id, '--version', signal))
        if (!version.includes(`llvm ${context.link.llvmVersion}\n`))
          throw new DtltoError('DTLTO_ENDPOINT_REFUSED', `${id} has another LLVM: ${version}`)
      },
      compile(...call) {
        const result = compile(...call).finally(() => running.delete(result))
        running.add(result)
        return result
      },
      close: () => Promise.allSettled(running).then(() => undefined),
      destroy: () => destroyed.abort(),
    }
  },
})
