/** Copies of this checkout, to be built on other machines. */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ROOT } from './root.mjs'

/**
 * What git knows of the checkout or would add, nothing that was built or installed. Files that have not changed keep their times.
 * @param {string} target a directory; it is made
 */
export function copyCheckout(target) {
  const { stdout } = spawnSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: Infinity,
  })
  const files = stdout.split('\0').filter((name) => name !== '' && existsSync(join(ROOT, name)))
  for (const name of files) {
    const [from, to] = [join(ROOT, name), join(target, name)]
    if (existsSync(to) && readFileSync(to).equals(readFileSync(from))) continue
    mkdirSync(dirname(to), { recursive: true })
    cpSync(from, to)
  }
}
