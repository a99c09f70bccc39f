/** A program for links whose backends take long enough to be watched, and short enough to be waited for. */
import { slowProgram } from '../link/toolchain.js'

const FUNCTIONS = 3

/** `count` modules of some 200 ms each, and a main. */
export function watchableProgram(count: number): Record<string, string> {
  return Object.fromEntries(
    Object.entries(slowProgram(count)).map(([name, text]) => [name, name === 'main.c' ? text : shorten(name, text)]),
  )
}

function shorten(file: string, text: string): string {
  const name = file.replace('.c', '')
  const functions = text
    .split('\n')
    .filter((line) => line.startsWith('__attribute__'))
    .slice(0, FUNCTIONS)
  const calls = functions.map((_, i) => `${name}_${String(i)}(a, n)`).join(' + ')
  return `${functions.join('\n')}\nint ${name}(int *a, int n) { return ${calls}; }\n`
}
