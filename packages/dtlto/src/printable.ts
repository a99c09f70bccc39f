/**
 * Text from elsewhere (servers, plugins, names of files), for a terminal or a log: what would steer a terminal, or reorder a line, is written as
 * `\xNN` or `\uNNNN`. lld's own words never pass through here.
 */
const STEERING = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g
const LINE_ENDS = /\n/g

/** Keeps tabs and ends of lines. */
export function printable(text: string): string {
  return text.replace(STEERING, escape)
}

/** For what must stay one line: nobody may forge the next one. */
export function printableLine(text: string): string {
  return printable(text).replace(LINE_ENDS, escape)
}

function escape(character: string): string {
  const code = character.charCodeAt(0)
  const digits = code.toString(16).toUpperCase()
  return code < 0x100 ? `\\x${digits.padStart(2, '0')}` : `\\u${digits.padStart(4, '0')}`
}
