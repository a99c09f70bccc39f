/** What README.md and docs tell users to type, taken out of them: so what is tried is what they read. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const FENCED = /^```(\w+)\n(.*?)^```$/gms
/** Ends a line that is for some releases of Debian alone: `# Debian 12`, `# Debian 13: …`. */
const FOR_RELEASE = /\s+# Debian (\d+)\b.*$/

/**
 * The blocks of a language in a section, without those of sections below other headings.
 * @param file relative to the root
 */
export function documentedBlocks(file: string, heading: string, language = 'sh'): readonly string[] {
  const text = readFileSync(`${ROOT}${file}`, 'utf8')
  const sections = text.split(/^(?=#+ .*$)/m)
  const section = sections.find((part) => part.slice(0, part.indexOf('\n')).replace(/^#+ /, '') === heading)
  if (section === undefined) throw new Error(`'${file}' has no section '${heading}'`)
  const found = [...section.matchAll(FENCED)].filter(([, word]) => word === language)
  if (found.length === 0) throw new Error(`section '${heading}' of '${file}' has no block of '${language}'`)
  return found.map(([, , block = '']) => block)
}

/** The lines of a block that are for a release of Debian, without the remark that says so. */
export function linesFor(release: number, block: string): readonly string[] {
  return block
    .split('\n')
    .filter((line) => line.trim() !== '')
    .filter((line) => [undefined, String(release)].includes(FOR_RELEASE.exec(line)?.[1]))
    .map((line) => line.replace(FOR_RELEASE, ''))
}

/** A Dockerfile's instructions, with continued lines joined: `['RUN', 'apt-get update']`. */
export function dockerInstructions(block: string): readonly (readonly [name: string, rest: string])[] {
  return block
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => {
      const blank = line.indexOf(' ')
      return [line.slice(0, blank), line.slice(blank + 1).trim()] as const
    })
}
