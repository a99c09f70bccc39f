/**
 * `dtlto doctor`: is everything there that a link needs, are the settings what the user means, does every distributor do its work? It looks
 * at things as a link does, with the same code, and ends with a real job for each distributor.
 */
import { native } from '@dtlto/native'
import { loadSettings } from '../../config/load.js'
import type { Settings } from '../../config/settings.js'
import { DtltoError } from '../../errors.js'
import { llvmBuilds } from '../llvm-builds.js'
import { splitOwnOptions } from '../own-options.js'
import { probeDistributors } from './distributors.js'
import { bad, type Finding, render, warning } from './finding.js'
import { examineCommand } from './link-command.js'
import { describeSettings, describeSharing } from './settings.js'
import { checkDriver, checkNative, checkNode, describeLlvms, findClangs } from './toolchain.js'

/** What begins the command of a link to look at. */
const LINK = '--link'

/** `argv`: our own options, as a linker takes them; or `--link` and a command. Gives the exit code: 1 if anything is bad. */
export async function doctor(argv: readonly string[], say: (text: string) => void): Promise<number> {
  const linkAt = argv.indexOf(LINK)
  const levels = new Set<Finding['level']>()
  const tell = (findings: readonly Finding[]): void => {
    for (const finding of findings) {
      say(render(finding))
      levels.add(finding.level)
    }
  }

  say('Installation\n')
  tell([checkNode(process.versions.node)])
  const nativeFindings = checkNative()
  tell(nativeFindings)
  const works = nativeFindings.every(({ level }) => level !== 'bad')
  const builds = works ? llvmBuilds() : []
  if (works) tell([describeLlvms(native(), builds)])
  const clangs = works ? findClangs(native(), builds) : undefined
  if (clangs) {
    tell(clangs.findings)
    tell([checkDriver(clangs.driver)])
  }

  if (linkAt >= 0) {
    say('Link\n')
    if (works) tell(await lookAtLink(argv, linkAt))
    say(conclusion(levels))
    return levels.has('bad') ? 1 : 0
  }

  say('Settings\n')
  const settings = await readSettings(argv, (message) => tell([warning(message)]))
  if (!('distributors' in settings)) tell([settings])
  else tell([...describeSettings(settings, process.env, process.cwd()), describeSharing(process.env)])

  say('Distributors\n')
  if (!works) tell([bad('not tried: without its native part dtlto can do nothing')])
  else if ('distributors' in settings) {
    for await (const finding of probeDistributors(settings, clangs?.compiler)) tell([finding])
  }
  say(conclusion(levels))
  return levels.has('bad') ? 1 : 0
}

async function lookAtLink(argv: readonly string[], linkAt: number): Promise<readonly Finding[]> {
  if (linkAt > 0)
    return [
      bad(`'${argv.slice(0, linkAt).join(' ')}' before ${LINK} has no effect`, 'write options into the command itself'),
    ]
  return await examineCommand(argv.slice(linkAt + 1))
}

function conclusion(levels: ReadonlySet<Finding['level']>): string {
  if (levels.has('bad')) return "Mend what is marked BAD; 'dtlto doctor' again shows whether it helped.\n"
  return levels.has('warning') ? 'Links work, but not with all that was asked for: see WARN.\n' : 'All is well.\n'
}

async function readSettings(argv: readonly string[], warn: (message: string) => void): Promise<Settings | Finding> {
  try {
    const own = splitOwnOptions(argv, false)
    if (own.rest.length > 0) return bad(`'${String(own.rest[0])}' is not an option of dtlto`, 'dtlto --help lists them')
    return await loadSettings({
      commandLine: own.settings,
      configFile: own.configFile,
      env: process.env,
      workingDirectory: process.cwd(),
      warn,
    })
  } catch (error) {
    if (DtltoError.is(error)) return bad(error.message)
    throw error
  }
}
