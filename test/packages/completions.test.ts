/** Completions, as the shells themselves make them. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { completions } from '../../scripts/shell-completions.js'
import { inTemporaryDirectory, run } from '../link/toolchain.js'

/** What is typed, and some of what is then offered. */
const CASES: readonly (readonly [typed: string, offered: readonly string[], not?: string])[] = [
  ['dtlto d', ['doctor', 'deny'], 'allow'],
  ['dtlto doctor --distribute-f', ['--distribute-fallback'], '--distribute-cache'],
  ['dtlto doctor --lin', ['--link'], '--distribute'],
  ['dtlto allow --l', ['--list']],
  ['ld.dtlto --distribute-cache=', ['verified', 'all', 'none'], 'auto'],
  ['ld.dtlto --distribute=distcc,', ['distcc,hosts=', 'distcc,probe='], 'worker'],
  ['wasm-ld.dtlto --distribute-su', ['--distribute-summary'], '--distribute-trace'],
  ['ld.dtlto --distribute-trace=some', ['somewhere.json']],
]

async function inDirectory(body: (directory: string) => void): Promise<void> {
  await inTemporaryDirectory((directory) => {
    for (const [path, text] of Object.entries(completions())) {
      mkdirSync(dirname(join(directory, path)), { recursive: true })
      writeFileSync(join(directory, path), text)
    }
    writeFileSync(join(directory, 'somewhere.json'), '')
    body(directory)
  })
}

const whyNot = (shell: string): string | false =>
  run('sh', ['-c', `command -v ${shell}`], { cwd: '/' }).exitCode === 0 ? false : `there is no ${shell}`

describe('completions', () => {
  const check = (said: string, offered: readonly string[], not: string | undefined, typed: string): void => {
    for (const word of offered) assert.ok(said.includes(word), `${typed}: '${word}' is not in\n${said}`)
    if (not !== undefined) assert.ok(!said.includes(not), `${typed}: '${not}' is in\n${said}`)
  }

  test('bash offers commands, options and values', { skip: whyNot('bash') }, () =>
    inDirectory((directory) => {
      // As readline calls it: words are cut at '=', too.
      const script = `source bash/dtlto
        compopt() { :; }
        IFS=' ' read -ra COMP_WORDS <<< "\${1//=/ = }"
        [[ $1 == *= ]] && [[ \${COMP_WORDS[-1]} != '=' ]] && COMP_WORDS+=('')
        COMP_CWORD=$(( \${#COMP_WORDS[@]} - 1 ))
        spec=$(complete -p "\${COMP_WORDS[0]}")
        [[ $spec =~ -F\\ ([^ ]+) ]]
        "\${BASH_REMATCH[1]}" "\${COMP_WORDS[0]}" "\${COMP_WORDS[-1]}" "\${COMP_WORDS[-2]}"
        printf '%s\\n' "\${COMPREPLY[@]}"`
      for (const [typed, offered, not] of CASES) {
        const { exitCode, stdout, stderr } = run('bash', ['--norc', '-c', script, 'bash', typed], { cwd: directory })
        assert.deepEqual([exitCode, stderr], [0, ''], typed)
        check(stdout, offered, not, typed)
      }
    }),
  )

  test('fish offers commands, options and values', { skip: whyNot('fish') }, () =>
    inDirectory((directory) => {
      const script = 'for file in fish/*.fish; source $file; end; complete -C $argv[1]'
      for (const [typed, offered, not] of CASES) {
        const env = { HOME: directory, XDG_CONFIG_HOME: directory }
        const { exitCode, stdout, stderr } = run('fish', ['--no-config', '-c', script, typed], { cwd: directory, env })
        assert.deepEqual([exitCode, stderr], [0, ''], typed)
        check(stdout, offered, not, typed)
      }
    }),
  )

  test('zsh offers commands, options and values', { skip: whyNot('zsh') }, () =>
    inDirectory((directory) => {
      // In a terminal of its own. It lists nothing while keys are waiting: so the next ones come when the first word was seen.
      const script = `zmodload zsh/zpty
        zpty z zsh -f -i
        zpty -w z "fpath=(\\"\\$PWD/zsh\\" \\$fpath); autoload -Uz compinit; compinit -u -D; LISTMAX=0; PROMPT=RE'ADY> '"
        zpty -r z said '*READY> *'
        zpty -w -n z "$1"$'\\t'
        zpty -r z said "*$2*"
        zpty -w -n z $'\\C-uecho DONE-$((1+1))\\n'
        zpty -r z rest '*DONE-2*'
        print -r -- $said$rest`
      for (const [typed, offered, not] of CASES) {
        const { exitCode, stdout, stderr } = run(
          'timeout',
          ['60', 'zsh', '-f', '-c', script, 'zsh', typed, offered[0] ?? ''],
          { cwd: directory },
        )
        assert.deepEqual([exitCode, stderr], [0, ''], typed)
        check(stdout.slice(stdout.indexOf(typed)), offered, not, typed)
      }
    }),
  )
})
