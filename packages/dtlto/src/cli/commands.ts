/** The commands of the program `dtlto`, once: its help, its man page and the shells' completions are made from them. */

export interface Command {
  readonly name: string
  /** How it is called, one line each, with what the line does. */
  readonly uses: readonly { readonly args: string; readonly help: string }[]
  /** What a shell may offer after it. */
  readonly takes: 'link-options' | 'file' | 'nothing'
}

export const COMMANDS: readonly Command[] = [
  {
    name: 'doctor',
    takes: 'link-options',
    uses: [
      {
        args: '[--distribute=NAME,... ...]',
        help: 'finds out what is wrong with the installation, the settings and the distributors, and says how to mend it',
      },
      {
        args: '--link COMMAND...',
        help: 'says which jobs of the links that COMMAND does would go where, and why not; they are not done',
      },
    ],
  },
  {
    name: 'report',
    takes: 'file',
    uses: [{ args: 'LINK.json [PAGE.html]', help: 'makes a page of what --distribute-report=LINK.json has written' }],
  },
  {
    name: 'plan',
    takes: 'file',
    uses: [
      {
        args: 'LINK.json [--slots=8,16,...] [--bandwidth=MB/S] [--latency=MS] [--json]',
        help: 'says how long the backends of that link would take on other machines',
      },
    ],
  },
  {
    name: 'stats',
    takes: 'file',
    uses: [{ args: '[FILE] [--json] [--reset]', help: 'says what the links with --distribute-stats came to' }],
  },
  {
    name: 'allow',
    takes: 'file',
    uses: [
      {
        args: '[FILE]',
        help: 'lets a dtlto.toml that links find (by default the nearest) name code to run; as it is now: a change needs this again',
      },
      { args: '--list', help: 'shows what was allowed' },
    ],
  },
  { name: 'deny', takes: 'file', uses: [{ args: '[FILE]', help: 'takes that back' }] },
  { name: 'version', takes: 'nothing', uses: [{ args: '', help: 'the same as --version' }] },
  { name: 'help', takes: 'nothing', uses: [{ args: '', help: 'the same as --help' }] },
  { name: '--version', takes: 'nothing', uses: [{ args: '', help: 'prints the versions of dtlto and of LLVM' }] },
  { name: '--help', takes: 'nothing', uses: [{ args: '', help: 'prints this, and the options of links' }] },
]

export const COMMAND_NAMES: readonly string[] = COMMANDS.map(({ name }) => name)

const LEFT = 45
const WIDTH = 120

/** For `--help`, of all commands or of one: a call on the left, what it does on the right. */
export function commandLines(only?: string): string {
  return COMMANDS.filter(({ name }) => only === undefined || name === only)
    .flatMap(({ name, uses }) =>
      uses.map(({ args, help }) => {
        const call = `  dtlto ${name}${args === '' ? '' : ` ${args}`}`
        const left = call.length < LEFT ? call.padEnd(LEFT) : `${call}\n${' '.repeat(LEFT)}`
        return `${left}${wrapped(help, WIDTH - LEFT).join(`\n${' '.repeat(LEFT)}`)}`
      }),
    )
    .join('\n')
}

function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const longer = `${lines.at(-1) ?? ''} ${word}`
    if (lines.length > 0 && longer.length <= width) lines[lines.length - 1] = longer
    else lines.push(word)
  }
  return lines
}
