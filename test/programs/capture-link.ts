/** Finds out how clang calls the linker, by being the linker. */
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LLVM_MAJOR } from '../link/toolchain.js'

/**
 * What clang finds for `-fuse-ld=dtlto`: writes down its arguments, a file per output name, and starts stock lld. Whatever a program's own build runs of what it links
 * works; nobody wants it optimized, which would take as long as the links that are compared.
 */
const CAPTURING_LINKER = `#!/bin/sh
previous=
for argument; do
  [ "$previous" = -o ] && output=$argument
  previous=$argument
done
printf '%s\\0' "$@" > "\${0%/*}/\${output##*/}.args"
exec ld.lld-${LLVM_MAJOR} "$@" --lto-O0 --lto-CGO0
`

/**
 * Runs `action`, which must link a file named `output` with `clang -fuse-ld=dtlto` and with the directory it is given
 * at the front of PATH. Returns the linker's arguments without `-o OUTPUT`. The files go to `directory`.
 */
export async function captureLink(
  output: string,
  directory: string,
  action: (bin: string) => Promise<unknown>,
): Promise<string[]> {
  await mkdir(directory, { recursive: true })
  const linker = join(directory, 'ld.dtlto')
  await writeFile(linker, CAPTURING_LINKER)
  await chmod(linker, 0o755)
  await action(directory)
  const captured = (await readFile(join(directory, `${output}.args`), 'utf8')).split('\0').slice(0, -1)
  const outputAt = captured.indexOf('-o')
  return captured.filter((_, index) => index !== outputAt && index !== outputAt + 1)
}
