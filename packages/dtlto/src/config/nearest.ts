/** "; did you mean 'x'?" for a word that is nearly one of the candidates; empty if it is near none. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const found = nearest(word, candidates)
  return found === undefined ? '' : `; did you mean '${found}'?`
}

/** The candidate with the fewest typing errors: at most one for every three letters, and for every two from where the words part. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined
  let fewest = Math.floor(word.length / 3) + 1
  for (const candidate of candidates) {
    const [given, known] = [word.toLowerCase(), candidate.toLowerCase()]
    const errors = typingErrors(given, known)
    const most = Math.max(1, Math.floor((word.length - samePrefix(given, known)) / 2))
    if (errors < fewest && errors <= most) [best, fewest] = [candidate, errors]
  }
  return best
}

/** That all options begin alike does not make them near. */
function samePrefix(a: string, b: string): number {
  let length = 0
  while (length < a.length && a[length] === b[length]) length++
  return length
}

/** Letters left out, added, changed, or swapped with their neighbour (optimal string alignment). */
function typingErrors(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const changed = (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swapped =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? (beforeLast[j - 2] ?? 0) + 1 : Infinity
      row.push(Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, changed, swapped))
    }
    ;[beforeLast, last] = [last, row]
  }
  return last[b.length] ?? 0
}
