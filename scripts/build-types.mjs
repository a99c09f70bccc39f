import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { ROOT } from './root.mjs'

/**
 * Compiles all packages in the order of their references.
 * @param {boolean} check types, which is half of the time; what was not checked, `tsc -b` will check
 */
export function compileTypes(check) {
  console.log('build: compiling TypeScript')
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  return (
    spawnSync(process.execPath, [tsc, '-b', '--pretty', 'false', ...(check ? [] : ['--noCheck'])], {
      cwd: ROOT,
      stdio: 'inherit',
    }).status === 0
  )
}
