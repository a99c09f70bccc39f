/**
 * Where in a dtlto.toml a key stands, for messages: the parser does not tell. A line is taken for what it looks like; text that looks like a
 * key inside a string of several lines can mislead a message, nothing else.
 */
export interface TomlPlace {
  readonly line: number
  readonly column: number
}

const KEY = /^\s*((?:"[^"]*"|'[^']*'|[\w-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[\w-]+))*)\s*=/
const TABLE = /^\s*\[\s*((?:"[^"]*"|'[^']*'|[\w-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[\w-]+))*)\s*\]/

/** The place of the key with this path, or of the nearest of what holds it; undefined where nothing is found. */
export function placeOf(text: string, path: readonly string[]): TomlPlace | undefined {
  let table: readonly string[] = []
  let best: TomlPlace | undefined
  let bestLength = 0
  for (const [index, line] of text.split('\n').entries()) {
    const heading = TABLE.exec(line)
    if (heading) table = partsOf(heading[1] ?? '')
    const key = heading ? undefined : KEY.exec(line)
    if (!heading && !key) continue
    const here = key ? [...table, ...partsOf(key[1] ?? '')] : table
    const length = Math.min(here.length, path.length)
    if (length <= bestLength || !path.slice(0, length).every((part, i) => part === here[i])) continue
    best = { line: index + 1, column: line.search(/\S/) + 1 }
    bestLength = length
  }
  return best
}

function partsOf(dotted: string): string[] {
  return (dotted.match(/"[^"]*"|'[^']*'|[\w-]+/g) ?? []).map((part) => part.replace(/^(["'])(.*)\1$/, '$2'))
}
