import { spawnSync } from 'node:child_process'

const run = (program: string, ...args: string[]): boolean => spawnSync(program, args, { stdio: 'ignore' }).status === 0

let laid = 0

/**
 * A network namespace at the end of a virtual cable: for TCP, another machine. `wrapper` starts a program on it. The cable can be cut
 * at either end and, on a kernel with netem, be slow and lossy.
 */
export class Cable {
  readonly wrapper: readonly string[]
  /** Of the machine at the other end. */
  readonly address: string
  /** The network that both ends are in. */
  readonly network: string
  readonly #space: string
  readonly #here: string

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
  static whyNot(): string | undefined {
    if (spawnSync('ip', ['-V']).status !== 0) return "there is no 'ip' (Debian package 'iproute2')"
    try {
      Cable.lay().remove()
      return undefined
    } catch (error) {
      return (error as Error).message
    }
  }

  static lay(): Cable {
    const cable = new Cable()
    const [space, here] = [cable.#space, cable.#here]
    const laid =
      run('ip', 'netns', 'add', space) &&
      run('ip', 'link', 'add', here, 'type', 'veth', 'peer', 'name', 'there', 'netns', space) &&
      run('ip', 'addr', 'add', `${cable.address.replace(/2$/, '1')}/24`, 'dev', here) &&
      run('ip', 'link', 'set', here, 'up') &&
      run('ip', '-n', space, 'addr', 'add', `${cable.address}/24`, 'dev', 'there') &&
      run('ip', '-n', space, 'link', 'set', 'there', 'up') &&
      run('ip', '-n', space, 'link', 'set', 'lo', 'up')
    if (laid) return cable
    cable.remove()
    throw new Error('network namespaces are not permitted here')
  }

  /** At our end this machine knows that it is cut; at the other one it only hears nothing more. */
  cut(end: 'here' | 'there'): void {
    this.#set(end, 'down')
  }

  mend(): void {
    for (const end of ['here', 'there'] as const) this.#set(end, 'up')
  }

  /** Delay and loss, in the words of netem. False on a kernel without it. */
  disturb(...netem: string[]): boolean {
    return run('tc', 'qdisc', 'add', 'dev', this.#here, 'root', 'netem', ...netem)
  }

  remove(): void {
    run('ip', 'link', 'del', this.#here)
    run('ip', 'netns', 'del', this.#space)
  }

  #set(end: 'here' | 'there', state: 'up' | 'down'): void {
    if (end === 'here') run('ip', 'link', 'set', this.#here, state)
    else run('ip', '-n', this.#space, 'link', 'set', 'there', state)
  }
}
