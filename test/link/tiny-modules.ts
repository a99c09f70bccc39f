/** A program of `count` modules with two functions each, all of which `main` calls: sources by name. */
export function tinyModules(count: number): Record<string, string> {
  const sources: Record<string, string> = {}
  for (let i = 0; i < count; i++)
    sources[`tiny${i}.c`] =
      `static int twice${i}(int x) { return 2 * x + ${i}; } int tiny${i}(int x) { return twice${i}(x) + 1; }`
  const names = Array.from({ length: count }, (_, i) => `tiny${i}`)
  const calls = names.map((name) => `${name}(1)`).join(' + ')
  sources['main.c'] = `${names.map((name) => `int ${name}(int);`).join(' ')} int main(void) { return (${calls}) == 0; }`
  return sources
}
