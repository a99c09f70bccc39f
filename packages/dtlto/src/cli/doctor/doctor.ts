/**
 * `dtlto doctor`: is everything there that a link needs, are the settings what the user means, does every distributor do its work? It looks
 * at things as a link does, with the same code, and ends with a real job for each distributor.
 */
import { native } from '@dtlto/native'
import { loadSettings } from '../../config/load.js'
import type { Settings } from '../../config/settings.js'
import { DtltoError } from '../../errors.js'
import { splitOwnOptions } from '../own-options.js'
import { probeDistributors } from './distributors.js'
import { bad, type Finding, render } from './finding.js'
import { describeSettings, describeSharing } from './settings.js'
import { checkNative, checkNode, findClangs, checkDriver } from './toolchain.js'

/** `argv`: our own options, as a linker takes them. Gives the exit code: 1 if anything is bad. */
export async function doctor(argv: readonly string[], say: (text: string) => void): Promise<number> {
  let worst = 0
  const tell = (findings: readonly Finding[]): void => {
    for (const finding of findings) {
      say(render(finding))
      if (finding.level === 'bad') worst = 1
    }
  }

  say('Installation\n')
  tell([checkNode(process.versions.node)])
  const nativeFindings = checkNative()
  tell(nativeFindings)
  const works = nativeFindings.every(({ level }) => level !== 'bad')
  const clangs = works ? findClangs(native()) : undefined
  if (clangs) {
    tell(clangs.findings)
    tell([checkDriver(clangs.driver)])
  }

  say('Settings\n')
  const settings = await readSettings(argv)
  if (!('distributors' in settings)) tell([settings])
  else tell([...describeSettings(settings, process.env, process.cwd()), describeSharing(process.env)])

  say('Distributors\n')
  if (!works) tell([bad('not tried: without its native part dtlto can do nothing')])
  else if ('distributors' in settings) {
    for await (const finding of probeDistributors(settings, clangs?.compiler)) tell([finding])
  }
  say(worst === 0 ? 'All is well.\n' : "Mend what is marked BAD; 'dtlto doctor' again shows whether it helped.\n")
  return worst
}

async function readSettings(argv: readonly string[]): Promise<Settings | Finding> {
  try {
    const own = splitOwnOptions(argv, false)
    if (own.rest.length > 0) return bad(`'${String(own.rest[0])}' is not an option of dtlto`, 'dtlto --help lists them')
    return await loadSettings({
      commandLine: own.settings,
      configFile: own.configFile,
      env: process.env,
      workingDirectory: process.cwd(),
      warn: () => undefined,
    })
  } catch (error) {
    if (DtltoError.is(error)) return bad(error.message)
    throw error
  }
}
