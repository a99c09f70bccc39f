import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { ROOT } from './root.mjs'

/** Checks and compiles all packages in the order of their references. */
export function compileTypes() {
  console.log('build: compiling TypeScript')
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  return spawnSync(process.execPath, [tsc, '-b', '--pretty', 'false'], { cwd: ROOT, stdio: 'inherit' }).status === 0
}
