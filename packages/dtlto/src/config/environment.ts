import type { PartialSettings } from './settings.js'
import { parseBoolean, parseDistributor, parseFallback, parsePath, parseProgress } from './values.js'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * DTLTO_DISTRIBUTE (several distributors separated by blanks), DTLTO_FALLBACK, DTLTO_PROGRESS, DTLTO_TRACE, DTLTO_TIMINGS,
 * DTLTO_SUMMARY, DTLTO_VERIFY: for builds whose linker flags are hard to reach. DTLTO_CONFIG is the file's business. An empty variable is as good as none.
 */
export function settingsFromEnvironment(env: Environment): PartialSettings {
  const settings: { -readonly [K in keyof PartialSettings]: PartialSettings[K] } = {}
  const distribute = env['DTLTO_DISTRIBUTE']?.trim()
  if (distribute) {
    settings.distributors = distribute.split(/\s+/).map((text) => parseDistributor(text, `DTLTO_DISTRIBUTE=${text}`))
  }
  const { DTLTO_FALLBACK: fallback, DTLTO_PROGRESS: progress, DTLTO_TRACE: trace } = env
  const { DTLTO_TIMINGS: timings, DTLTO_SUMMARY: summary, DTLTO_VERIFY: verify } = env
  if (fallback) settings.fallback = parseFallback(fallback, 'DTLTO_FALLBACK')
  if (progress) settings.progress = parseProgress(progress, 'DTLTO_PROGRESS')
  if (trace) settings.trace = parsePath(trace, 'DTLTO_TRACE')
  if (timings) settings.timings = parsePath(timings, 'DTLTO_TIMINGS')
  if (summary) settings.summary = parseBoolean(summary, 'DTLTO_SUMMARY')
  if (verify) settings.verify = parseBoolean(verify, 'DTLTO_VERIFY')
  return settings
}
