/** Man pages and completions for shells, where each program looks for them. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ROOT } from '../root.mjs'
import { must } from './run.mjs'

/**
 * `man1`, `man5` in `man`; `bash`, `zsh`, `fish` in `completions`. They are made by scripts in TypeScript.
 * @param {{ man: string, completions: string }} directories
 */
export function makeTexts({ man, completions }) {
  for (const [script, directory] of [
    ['man-pages.ts', man],
    ['shell-completions.ts', completions],
  ])
    must(process.execPath, ['--import', 'tsx', join(ROOT, 'scripts', script ?? ''), directory ?? ''], { cwd: ROOT })
}

/**
 * A directory `share`, as below a prefix.
 * @param {string} share
 * @param {string} zsh which directory of zsh's: distributions have one of their own
 */
export function fillShare(share, zsh) {
  const work = mkdtempSync(join(tmpdir(), 'dtlto-share-'))
  try {
    makeTexts({ man: join(share, 'man'), completions: work })
    const bash = join(share, 'bash-completion/completions')
    cpSync(join(work, 'bash'), bash, { recursive: true })
    cpSync(join(work, 'fish'), join(share, 'fish/vendor_completions.d'), { recursive: true })
    mkdirSync(join(share, 'zsh'), { recursive: true })
    cpSync(join(work, 'zsh'), join(share, 'zsh', zsh), { recursive: true })
    // bash looks for a file of the command's name.
    for (const name of readdirSync(join(work, 'fish')).map((file) => file.replace(/\.fish$/, '')))
      if (name !== 'dtlto') symlinkSync('dtlto', join(bash, name))
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
