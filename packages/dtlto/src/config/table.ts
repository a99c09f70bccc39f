/**
 * Every setting of dtlto, once. A row makes a setting what it is everywhere: its name here gives the option
 * (`--distribute-NAME`), the variable (`DTLTO_NAME`) and the key in dtlto.toml (`NAME`); the command line's, the environment's and the
 * file's reader, `--help` and docs/options.md are made from the rows. A name of several words is written in camelCase here and
 * with hyphens by users.
 */
import { AUTO, FILE, FLAG, FLAG_OR_FILE, oneOf, REPORT_FILE, SHARE, type ValueKind } from './values.js'

interface Description {
  /** One line of --help. */
  readonly help: string
  /** For docs/options.md, in Markdown; left out where the line of --help says it all. */
  readonly docs?: string
}

export interface Setting<T> extends Description {
  readonly kind: ValueKind<T>
  readonly default: NoInfer<T>
  /** As it might stand in dtlto.toml. */
  readonly example: string
}

const setting = <T>(row: Setting<T>): Setting<T> => row

export const SETTINGS = {
  cache: setting({
    kind: oneOf('verified', 'all', 'none'),
    default: 'verified',
    example: '"verified"',
    help: "Which objects from elsewhere go into lld's ThinLTO cache, where later links find them",
    docs:
      "which objects from elsewhere go into lld's ThinLTO cache (`--thinlto-cache-dir`), where later links find them, stock lld's too. `verified`: those " +
      'that no wire can have changed, from distributors with end-to-end integrity or compared by `--distribute-verify`; so none from ' +
      '`distcc`. `all`: every object that passed the checks. `none`: none ([security](security.md#servers-and-workers))',
  }),
  fallback: setting({
    kind: oneOf('local', 'none'),
    default: 'local',
    example: '"local"',
    help: 'What to do with a job that no distributor could compile',
  }),
  progress: setting({
    kind: AUTO,
    default: 'auto',
    example: '"auto"',
    help: 'Show progress while backends compile',
    docs:
      'progress while backends compile: a line that is drawn anew on a terminal in whose foreground the link is, and elsewhere a plain line every 10 s. `auto`: on such a ' +
      'terminal, and in a CI job (`CI` in the environment)',
  }),
  report: setting({
    kind: REPORT_FILE,
    default: undefined,
    example: '"report.html"',
    help: 'Write a page, or a document for programs, about this link',
    docs:
      'a page about the link for any browser, or the same as JSON: who compiled what and when, what set the end, the slowest modules, what could not leave this machine and why, ' +
      'failures ([report](report.md))',
  }),
  required: setting({
    kind: FLAG,
    default: false,
    example: 'false',
    help: 'Fail if there are jobs and no distributor takes any of them',
    docs:
      'fail the link if it has jobs and no distributor takes any of them: one that is down then does not go unnoticed. A link without jobs, or ' +
      'whose jobs are all in the ThinLTO cache, passes',
  }),
  stats: setting({
    kind: FLAG_OR_FILE,
    default: false,
    example: 'false',
    help: 'Count this link in the statistics that dtlto stats shows',
    docs: 'count this link in the statistics that `dtlto stats` shows: in a file of yours (`~/.local/state/dtlto/stats.jsonl`, or under `XDG_STATE_HOME`), or in this one ([report](report.md#statistics))',
  }),
  summary: setting({
    kind: FLAG_OR_FILE,
    default: false,
    example: 'true',
    help: 'Say at the end where the jobs ran, which were slow and what was tried again',
    docs:
      'a summary when the link is done: where the jobs ran, which were the slowest, what was tried again. On stderr; or, with a file, at the end of that file, ' +
      'so that all links of a build are in one place and nobody who reads stderr sees a difference',
  }),
  timings: setting({
    kind: FILE,
    default: undefined,
    example: '"timings.json"',
    help: "Keep the modules' times in this file, and start the longest first next time",
    docs:
      'keep how long each module took in this file, from link to link: the longest are then started first, which a first link ' +
      'can only guess. Made by the first link; several programs may share one',
  }),
  trace: setting({
    kind: FILE,
    default: undefined,
    example: '"link.json"',
    help: 'Write a Chrome/Perfetto trace of the whole link',
    docs: 'a Chrome/Perfetto trace of the link: its phases, and every job with its distributor, worker, timings and retries',
  }),
  verify: setting({
    kind: SHARE,
    default: 0,
    example: 'false',
    help: 'Compile distributed jobs in this process, too, and fail if an object differs; =5% for a sample',
    docs:
      'compile every distributed job in this process, too, or with `=5%` every twentieth: always the same ones for the same modules. An object that differs ' +
      'fails the link, and both objects and the job are kept',
  }),
}

type Rows = typeof SETTINGS
export type SettingKey = keyof Rows
export type SettingValues = { readonly [K in SettingKey]: Rows[K] extends Setting<infer T> ? T : never }

export const SETTING_KEYS = Object.keys(SETTINGS) as readonly SettingKey[]

/** Two options that are more than one value: which distributors, and where the file is. */
export const OTHER_OPTIONS = {
  distribute: {
    placeholder: '<name>[,<key>=<value>...]',
    default: '`local`',
    help: 'Compile ThinLTO backends on this distributor; repeat to use several',
    docs:
      'a distributor for this link; repeat it to use several together. The name of a built-in (`local`, `worker`, `distcc`, `ssh`, `reapi`, `external`), an npm package, ' +
      'a path to an ES module or to a shared library (`.node`, `.so`)',
  },
  'distribute-config': {
    placeholder: '<file>',
    default: 'the nearest `dtlto.toml` from the working directory upwards',
    help: 'Read settings from this file instead of the nearest dtlto.toml',
    docs: 'configuration file',
  },
} as const satisfies Readonly<Record<string, Description & { placeholder: string; default: string }>>

/** As users write it: in dtlto.toml, and in the names of option and variable. */
export function writtenName(key: SettingKey): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

export function optionName(key: SettingKey): string {
  return `distribute-${writtenName(key)}`
}

export function variableName(key: SettingKey): string {
  return `DTLTO_${writtenName(key).replaceAll('-', '_').toUpperCase()}`
}
