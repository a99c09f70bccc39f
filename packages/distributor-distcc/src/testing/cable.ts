import { type ChildProcess, spawn, spawnSync } from 'node:child_process'

const run = (program: string, ...args: string[]): boolean => spawnSync(program, args, { stdio: 'ignore' }).status === 0

let laid = 0

/** What is wrong with a wire, in each direction. */
export interface WireFaults {
  readonly delayMs: number
  /** Of the packets. */
  readonly lossPercent: number
}

/**
 * A network namespace at the end of a virtual cable: for TCP, another machine. `wrapper` starts a program on it. The cable can be cut
 * at either end. A poor one delays and loses packets: its ends are TAP devices, and between them is VDE's `wirefilter`, which does in a
 * process what netem does in kernels that have it.
 */
export class Cable {
  readonly wrapper: readonly string[]
  /** Of the machine at the other end. */
  readonly address: string
  /** The network that both ends are in. */
  readonly network: string
  readonly #space: string
  readonly #here: string
  #wire: ChildProcess | undefined

  private constructor() {
    const number = laid++
    this.#space = `dtlto-${process.pid}-${number}`
    this.#here = `dt${process.pid}x${number}`
    const prefix = `10.${213 + (number % 40)}.${process.pid % 250}`
    this.network = `${prefix}.0/24`
    this.address = `${prefix}.2`
    this.wrapper = ['ip', 'netns', 'exec', this.#space]
  }

  /** Why there can be none; undefined when there can. */
  static whyNot(faults?: WireFaults): string | undefined {
    if (spawnSync('ip', ['-V']).status !== 0) return "there is no 'ip' (Debian package 'iproute2')"
    if (faults !== undefined && spawnSync('wirefilter', ['--help']).error !== undefined)
      return "there is no 'wirefilter' (Debian package 'vde2')"
    try {
      Cable.lay(faults).remove()
      return undefined
    } catch (error) {
      return (error as Error).message
    }
  }

  static lay(faults?: WireFaults): Cable {
    const cable = new Cable()
    const [space, here] = [cable.#space, cable.#here]
    const laid =
      run('ip', 'netns', 'add', space) &&
      (faults === undefined
        ? run('ip', 'link', 'add', here, 'type', 'veth', 'peer', 'name', 'there', 'netns', space)
        : run('ip', 'tuntap', 'add', 'dev', here, 'mode', 'tap') &&
          run('ip', '-n', space, 'tuntap', 'add', 'dev', 'there', 'mode', 'tap')) &&
      run('ip', 'addr', 'add', `${cable.address.replace(/2$/, '1')}/24`, 'dev', here) &&
      run('ip', 'link', 'set', here, 'up') &&
      run('ip', '-n', space, 'addr', 'add', `${cable.address}/24`, 'dev', 'there') &&
      run('ip', '-n', space, 'link', 'set', 'there', 'up') &&
      run('ip', '-n', space, 'link', 'set', 'lo', 'up')
    if (!laid) {
      cable.remove()
      throw new Error('network namespaces are not permitted here')
    }
    if (faults !== undefined) cable.#plug(faults)
    return cable
  }

  /** At our end this machine knows that it is cut; at the other one it only hears nothing more. */
  cut(end: 'here' | 'there'): void {
    this.#set(end, 'down')
  }

  mend(): void {
    for (const end of ['here', 'there'] as const) this.#set(end, 'up')
  }

  /** Segments that TCP at the other end had to send again: what shows that a wire loses packets. */
  retransmissions(): number {
    const [command, ...rest] = [...this.wrapper, 'cat', '/proc/net/snmp']
    const { stdout } = spawnSync(command, rest, { encoding: 'utf8' })
    const [names, values] = stdout.split('\n').filter((line) => line.startsWith('Tcp:'))
    const at = names?.split(' ').indexOf('RetransSegs') ?? -1
    return Number(values?.split(' ')[at])
  }

  remove(): void {
    this.#unplug()
    run('ip', 'link', 'del', this.#here)
    run('ip', 'netns', 'del', this.#space)
  }

  #plug({ delayMs, lossPercent }: WireFaults): void {
    // It counts in whole milliseconds, and may be almost one early.
    const wire = ['wirefilter', '-d', String(delayMs > 0 ? delayMs + 1 : 0), '-l', String(lossPercent)]
    const [here, there] = [`tap://${this.#here}`, 'tap://there']
    const args = ['vde_plug', here, '=', ...wire, '=', ...this.wrapper, 'vde_plug', there]
    // Not `detached`: dpipe makes a process group of its own, and fails when it leads one already.
    this.#wire = spawn('dpipe', args, { stdio: 'ignore' })
    this.#wire.unref()
  }

  /** dpipe does not end its parts, but they are in its process group; before it has one, it has no parts. */
  #unplug(): void {
    const pid = this.#wire?.pid
    this.#wire = undefined
    if (pid === undefined) return
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      process.kill(pid, 'SIGKILL')
    }
  }

  #set(end: 'here' | 'there', state: 'up' | 'down'): void {
    if (end === 'here') run('ip', 'link', 'set', this.#here, state)
    else run('ip', '-n', this.#space, 'link', 'set', 'there', state)
  }
}
