/**
 * Completions for bash, zsh and fish, of the same tables as help and man pages: commands of `dtlto`, and dtlto's options of the linkers, with the names of
 * distributors and of their options.
 *
 *     node --import tsx scripts/shell-completions.ts DIRECTORY      writes bash/dtlto, zsh/_dtlto and fish/*.fish there
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Command, COMMANDS } from '../packages/dtlto/src/cli/commands.js'
import { DISTRIBUTOR_PROGRAM, PROGRAM_NAMES } from '../packages/dtlto/src/cli/programs.js'
import { type OptionRow, optionRows, SCHEMAS } from './option-rows.js'

/** `dtlto-link` has options of another form, and is called by clang-cl. */
export const LINKERS: readonly string[] = [
  ...PROGRAM_NAMES.filter((name) => name !== 'dtlto-link'),
  DISTRIBUTOR_PROGRAM,
]

/** Behind `--distribute=`: a name, or a name and one of its options. */
const CHOICES: readonly string[] = Object.entries(SCHEMAS).flatMap(([name, schema]) => [
  name,
  ...Object.keys(schema).map((option) => `${name},${option}=`),
])

/** By their paths: each goes where its shell looks. */
export function completions(): Readonly<Record<string, string>> {
  return {
    'bash/dtlto': bash(),
    'zsh/_dtlto': zsh(),
    ...Object.fromEntries(['dtlto', ...LINKERS].map((program) => [`fish/${program}.fish`, fish(program)])),
  }
}

type Value = 'distributor' | 'word' | 'file' | 'none'

function valueOf({ name, placeholder, choices }: OptionRow): Value {
  if (name === 'distribute') return 'distributor'
  if (choices.length > 0) return 'word'
  return placeholder === '' ? 'none' : 'file'
}

const spelled = (row: OptionRow): string => `--${row.name}${valueOf(row) === 'none' ? '' : '='}`

const taking = (takes: Command['takes']): readonly Command[] => COMMANDS.filter((command) => command.takes === takes)

/** Options of a command that are not those of a link: `--list`. */
const flagsOf = (command: Command): readonly string[] =>
  command.uses.flatMap(({ args }) => /^--[\w-]+/.exec(args) ?? [])

function bash(): string {
  const values = optionRows().flatMap((row) => {
    const words = valueOf(row) === 'distributor' ? CHOICES : row.choices
    return words.length === 0 ? [] : [`    --${row.name}) words='${words.join(' ')}' ;;`]
  })
  const files = optionRows().filter((row) => valueOf(row) === 'file')
  const withFile = taking('file').map((command) => `      ${command.name}) flags='${flagsOf(command).join(' ')}' ;;`)
  return `# bash completion for dtlto and its linkers

# Offers values of the option that is being written, in words cut at '=' or not.
_dtlto_option() {
  local option=$1 current=$2 words=''
  case $option in
${values.join('\n')}
    ${files.map((row) => `--${row.name}`).join(' | ')})
      mapfile -t COMPREPLY < <(compgen -f -- "$current")
      compopt -o filenames
      return 0 ;;
    *) return 1 ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  compopt -o nospace
}

_dtlto_link_options() {
  local current=$1 before=$2
  if [[ $before == --distribute* && $current == '=' ]]; then
    _dtlto_option "$before" ''
  elif [[ $current == --distribute*=* ]]; then
    _dtlto_option "\${current%%=*}" "\${current#*=}"
  elif [[ $before == '=' ]]; then
    _dtlto_option "\${COMP_WORDS[COMP_CWORD-2]}" "$current"
  elif [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W '${optionRows().map(spelled).join(' ')}' -- "$current")
    if [[ \${COMPREPLY[0]-} == *= ]]; then compopt -o nospace; fi
  else
    return 1
  fi
}

_dtlto_add() {
  local -a more
  mapfile -t more < <(compgen -W "$1" -- "$2")
  COMPREPLY+=("\${more[@]}")
}

_dtlto_linker() {
  _dtlto_link_options "$2" "$3" || { mapfile -t COMPREPLY < <(compgen -f -- "$2"); compopt -o filenames; }
}

_dtlto() {
  local flags=''
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    mapfile -t COMPREPLY < <(compgen -W '${COMMANDS.map(({ name }) => name).join(' ')}' -- "$2")
    return
  fi
  case \${COMP_WORDS[1]} in
${taking('link-options')
  .map(
    (command) =>
      `    ${command.name}) _dtlto_link_options "$2" "$3"; _dtlto_add '${flagsOf(command).join(' ')}' "$2" ;;`,
  )
  .join('\n')}
    *)
      case \${COMP_WORDS[1]} in
${withFile.join('\n')}
      *) return ;;
      esac
      mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$2"; compgen -f -- "$2")
      compopt -o filenames ;;
  esac
}

complete -F _dtlto dtlto
complete -F _dtlto_linker ${LINKERS.join(' ')}
`
}

function zsh(): string {
  const options = optionRows().map((row) => {
    const value = valueOf(row)
    const action = value === 'file' ? '_files' : `(${row.choices.join(' ')})`
    const help = zshText(row.help)
    if (value === 'none') return `    '--${row.name}[${help}]'`
    if (value === 'distributor') return `    '*--${row.name}=-[${help}]:distributor:_dtlto_distributors'`
    return `    '--${row.name}=-[${help}]:value:${action}'`
  })
  const cases = COMMANDS.filter(({ takes }) => takes !== 'nothing').map((command) => {
    const flags = flagsOf(command).map((flag) => `'${flag}' `)
    const action =
      command.takes === 'link-options'
        ? `_arguments ${flags.join('')}$_dtlto_options`
        : `_arguments ${flags.join('')}'1:file:_files'`
    return `    ${command.name}) ${action} ;;`
  })
  return `#compdef dtlto ${LINKERS.join(' ')}

_dtlto_distributors() {
  compset -P '*[[:blank:]]'
  compadd -S '' -- ${CHOICES.join(' ')}
}

_dtlto() {
  local -a commands _dtlto_options
  commands=(
${COMMANDS.map(({ name, uses }) => `    '${name}:${zshText(uses[0]?.help ?? '')}'`).join('\n')}
  )
  _dtlto_options=(
${options.join('\n')}
  )
  if [[ $service != dtlto ]]; then
    _arguments $_dtlto_options '*:file:_files'
    return
  fi
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  shift words
  ((CURRENT--))
  case $words[1] in
${cases.join('\n')}
  esac
}

_dtlto "$@"
`
}

/** Within quotes, and within the brackets and colons of _arguments. */
const zshText = (text: string): string => text.replace(/[[\]:\\]/g, '\\$&').replaceAll("'", "'\\''")

/** Values are words of their own here: fish would otherwise offer them as next argument, too, where dtlto takes none. */
function fish(program: string): string {
  const isTool = program === 'dtlto'
  const doctors = taking('link-options').map(({ name }) => name)
  const under = isTool ? ` -n '__fish_seen_subcommand_from ${doctors.join(' ')}'` : ''
  const options = optionRows().map((row) => {
    const described = `-d '${fishText(row.help)}'`
    if (valueOf(row) === 'none') return `complete -c ${program}${under} -l ${row.name} ${described}`
    const words = valueOf(row) === 'distributor' ? CHOICES : row.choices
    const spellings = words.length === 0 ? [spelled(row)] : words.map((word) => `${spelled(row)}${word}`)
    return `complete -c ${program}${under} -a '${spellings.join(' ')}' ${described}`
  })
  const commands = COMMANDS.flatMap((command) => {
    const { name, uses } = command
    const first = "-n 'test (count (commandline -opc)) -eq 1'"
    const own = flagsOf(command).map(
      (flag) => `complete -c dtlto -n '__fish_seen_subcommand_from ${name}' -l ${flag.slice(2)}`,
    )
    return [`complete -c dtlto -f ${first} -a '${name}' -d '${fishText(uses[0]?.help ?? '')}'`, ...own]
  })
  return [`# fish completion for ${program}`, ...(isTool ? commands : []), ...options, ''].join('\n')
}

const fishText = (text: string): string => text.replace(/['\\]/g, '\\$&')

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [directory] = process.argv.slice(2)
  if (directory === undefined) throw new Error('expected a directory')
  for (const [path, text] of Object.entries(completions())) {
    const file = join(directory, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
}
