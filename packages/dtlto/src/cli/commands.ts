/** The commands of the program `dtlto`, once: its help, its man page and the shells' completions are made from them. */

export interface Command {
  readonly name: string
  /** How it is called, one line each, with what the line does. */
  readonly uses: readonly { readonly args: string; readonly help: string }[]
  /** What a shell may offer after it. */
  readonly takes: 'link-options' | 'config-file' | 'nothing'
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
    ],
  },
  {
    name: 'allow',
    takes: 'config-file',
    uses: [
      {
        args: '[FILE]',
        help: 'lets a dtlto.toml that links find (by default the nearest) name code to run; as it is now: a change needs this again',
      },
      { args: '--list', help: 'shows what was allowed' },
    ],
  },
  { name: 'deny', takes: 'config-file', uses: [{ args: '[FILE]', help: 'takes that back' }] },
  { name: '--version', takes: 'nothing', uses: [{ args: '', help: 'prints the versions of dtlto and of LLVM' }] },
  { name: '--help', takes: 'nothing', uses: [{ args: '', help: 'prints this, and the options of links' }] },
]

export const COMMAND_NAMES: readonly string[] = COMMANDS.map(({ name }) => name)

const LEFT = 45
const WIDTH = 120

/** For `--help`: a call on the left, what it does on the right. */
export function commandLines(): string {
  return COMMANDS.flatMap(({ name, uses }) =>
    uses.map(({ args, help }) => {
      const call = `  dtlto ${name}${args === '' ? '' : ` ${args}`}`
      return `${call.padEnd(LEFT)}${wrapped(help, WIDTH - LEFT).join(`\n${' '.repeat(LEFT)}`)}`
    }),
  ).join('\n')
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
