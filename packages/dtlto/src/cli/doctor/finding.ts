/** One thing that the doctor has looked at. */
export interface Finding {
  /**
   * `note`: links work, but something is not as it might be. `warning`: a part of what was asked for does not work, and the rest does. `bad`:
   * something that was asked for cannot work.
   */
  readonly level: 'good' | 'note' | 'warning' | 'bad'
  /** One line, more if it must be. */
  readonly text: string
  /** What to do. Every `bad` finding has one, if only in its text. */
  readonly remedy?: string
}

export const good = (text: string): Finding => ({ level: 'good', text })

export const note = (text: string, remedy?: string): Finding => ({ level: 'note', text, ...(remedy && { remedy }) })

export const warning = (text: string, remedy?: string): Finding => ({
  level: 'warning',
  text,
  ...(remedy && { remedy }),
})

export const bad = (text: string, remedy?: string): Finding => ({ level: 'bad', text, ...(remedy && { remedy }) })

const LABEL = { good: 'ok  ', note: 'note', warning: 'WARN', bad: 'BAD ' } as const

export function render({ level, text, remedy }: Finding): string {
  const lines = [...text.split('\n'), ...(remedy === undefined ? [] : `to do: ${remedy}`.split('\n'))]
  return lines.map((line, i) => `${i === 0 ? LABEL[level] : '    '}  ${line}\n`).join('')
}
