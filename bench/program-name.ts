import type { ProgramName } from '../test/programs/programs.js'
import { RECIPES } from '../test/programs/recipes.js'

/** A real program, as named on the command line. Throws for what is none. */
export function programName(text = ''): ProgramName {
  if (Object.hasOwn(RECIPES, text)) return text as ProgramName
  throw new Error(`expected ${Object.keys(RECIPES).join(', ')} but received '${text}'`)
}
