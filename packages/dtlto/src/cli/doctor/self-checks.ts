/** What distributors find out about themselves beyond a small job: `selfCheck` of the plugin contract. */
import { performance } from 'node:perf_hooks'
import type { DistributorContext } from '../../distributors/interface.js'
import { openDistributor } from '../../distributors/opening.js'
import type { PreparedDistributor } from '../../link/distributors.js'
import { linkFacts } from '../../link/facts.js'
import { printableLine } from '../../printable.js'
import { bad, type Finding } from './finding.js'

const PATIENCE_MS = 15_000
/** Then, for what it has found until then. */
const LAST_WORDS_MS = 1_000
const LEVELS: readonly string[] = ['good', 'note', 'warning', 'bad']

/** None where the distributor has no such method, and where it does not open: that its job shows. */
export async function selfChecks(name: string, { definition, options }: PreparedDistributor): Promise<Finding[]> {
  const over = new AbortController()
  const context: DistributorContext = {
    link: linkFacts('elf', process.cwd()),
    signal: over.signal,
    env: process.env,
    now: () => performance.now(),
    localSlots: () => 1,
    statusChanged: () => undefined,
    warn: () => undefined,
    debug: () => undefined,
  }
  const { distributor, close } = openDistributor(definition, context, options)
  try {
    const open = await distributor.catch(() => undefined)
    if (open?.selfCheck === undefined) return []
    const signal = AbortSignal.timeout(PATIENCE_MS)
    const late = new Promise<never>((_, reject) => {
      const reason = new Error(`it is not done within ${PATIENCE_MS / 1000} s`)
      signal.addEventListener('abort', () => setTimeout(() => reject(reason), LAST_WORDS_MS))
    })
    const found = await Promise.race([open.selfCheck(signal), late])
    return found.map(({ level, text, remedy }) => ({
      level: LEVELS.includes(level) ? level : 'note',
      text: `${name}: ${printableLine(text)}`,
      ...(remedy !== undefined && { remedy: printableLine(remedy) }),
    }))
  } catch (error) {
    return [bad(`${name}: its own check fails: ${error instanceof Error ? error.message : String(error)}`)]
  } finally {
    over.abort()
    await close()
  }
}
