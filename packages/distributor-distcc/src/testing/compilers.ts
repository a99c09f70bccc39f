import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A PATH for a server, on which `clang-22` is a shell script; `$clang` in it is the real one. */
export class FakeCompilers {
  readonly #directories: string[] = []

  path(script: string): string {
    const directory = mkdtempSync(join(tmpdir(), 'dtlto-compiler-'))
    this.#directories.push(directory)
    // distccd runs as a user of its own.
    chmodSync(directory, 0o755)
    const file = join(directory, 'clang-22')
    writeFileSync(file, `#!/bin/sh\nclang=/usr/bin/clang-22\n${script}\n`)
    chmodSync(file, 0o755)
    return `${directory}:/usr/bin:/bin`
  }

  /** Sleeps before every job but the probe. */
  slow(seconds: number): string {
    return this.path(`grep -q main.bc args.rsp || sleep ${seconds}\nexec $clang "$@"`)
  }

  remove(): void {
    for (const directory of this.#directories) rmSync(directory, { recursive: true, force: true })
  }
}
