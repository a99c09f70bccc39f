import type { Recipe } from '../recipe.js'

/** Small text files for options that read one; they lie in `extra/` and are no inputs of the link. */
export function text(files: Readonly<Record<string, string>>, name = 'extra'): Recipe {
  return { name, files: [], steps: Object.entries(files).map(([write, content]) => ({ write, text: content })) }
}
