import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CLANG } from './llvm.js'

/** A PATH for a server, on which clang (`clang-22`) is a shell script; `$clang` in it is the real one. */
export class FakeCompilers {
  readonly #directories: string[] = []

  path(script: string): string {
    const directory = this.#directory()
    const file = join(directory, CLANG)
    writeFileSync(file, `#!/bin/sh\nclang=/usr/bin/${CLANG}\n${script}\n`)
    chmodSync(file, 0o755)
    return `${directory}:/usr/bin:/bin`
  }

  /** A PATH with nothing on it but that, a link to `program`; with nothing at all without one. */
  only(program?: string): string {
    const directory = this.#directory()
    if (program !== undefined) symlinkSync(program, join(directory, CLANG))
    return directory
  }

  /** Sleeps before every job but the probe. */
  slow(seconds: number): string {
    return this.path(`grep -q main.bc args.rsp || sleep ${seconds}\nexec $clang "$@"`)
  }

  #directory(): string {
    const directory = mkdtempSync(join(tmpdir(), 'dtlto-compiler-'))
    this.#directories.push(directory)
    // distccd runs as a user of its own.
    chmodSync(directory, 0o755)
    return directory
  }

  remove(): void {
    for (const directory of this.#directories) rmSync(directory, { recursive: true, force: true })
  }
}
