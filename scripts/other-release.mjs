/**
 * `node scripts/other-release.mjs`: a root directory of another Debian release, without LLVM, for test/engines/ssh-release.test.ts. It is made once, as root, by debootstrap
 * (Debian's package of that name), and kept below ~/.cache/dtlto.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

const RELEASE = 'trixie'
export const OTHER_RELEASE = join(homedir(), '.cache/dtlto', RELEASE)

function make() {
  if (existsSync(OTHER_RELEASE)) return
  const temporary = `${OTHER_RELEASE}.new`
  rmSync(temporary, { recursive: true, force: true })
  mkdirSync(dirname(OTHER_RELEASE), { recursive: true })
  const { status, error } = spawnSync('debootstrap', ['--variant=minbase', RELEASE, temporary], { stdio: 'inherit' })
  if (status !== 0) throw new Error(`debootstrap has failed${error === undefined ? '' : `: ${error.message}`}`)
  renameSync(temporary, OTHER_RELEASE)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) make()
