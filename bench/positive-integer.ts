/** The value of an option that must be a whole number above zero. */
export function positiveInteger(option: string, value: string): number {
  const number = Number(value)
  if (!Number.isInteger(number) || number < 1)
    throw new Error(`${option}: expected a positive integer but received '${value}'`)
  return number
}
