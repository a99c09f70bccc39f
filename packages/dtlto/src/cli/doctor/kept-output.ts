/**
 * Compiler drivers remove the output of a link that fails, and a link that the doctor looks at does. So the linker gives what is there a second name before it fails, and the
 * doctor puts it back when the command has ended.
 */
import { existsSync, linkSync, renameSync, rmSync } from 'node:fs'

export interface KeptOutput {
  readonly output: string
  readonly keptAs: string
}

/** Undefined where there is nothing to keep. */
export function keepOutput(output: string): KeptOutput | undefined {
  const keptAs = `${output}.dtlto-doctor-${process.pid}`
  try {
    linkSync(output, keptAs)
    return { output, keptAs }
  } catch {
    return undefined // there is none, or it is no file
  }
}

export function putBack({ output, keptAs }: KeptOutput): void {
  if (existsSync(output)) rmSync(keptAs, { force: true })
  else renameSync(keptAs, output)
}
