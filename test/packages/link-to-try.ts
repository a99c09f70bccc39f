/** A small link of C++ with everything that it reads, and with what stock lld makes of it: for machines without a compiler. */
import { join } from 'node:path'
import { CLANG, must, STOCK } from '../link/toolchain.js'

const SOURCES = {
  'main.cpp': '#include <iostream>\nint total(int);\nint main() { std::cout << "total " << total(9) << std::endl; }\n',
  'total.cpp':
    '#include <map>\nint square(int);\nint total(int n) { std::map<int, int> all; for (int i = 0; i < n; i++) all[i] = square(i); int sum = 0; for (auto &[key, value] : all) sum += value; return sum; }\n',
  'square.cpp': 'int square(int x) { return x * x; }\n',
}

/** What the program prints. */
export const PRINTED = 'total 204\n'

/** Writes bitcode to `directory`, and gives the names of the files. */
export function compileSources(directory: string): readonly string[] {
  return Object.entries(SOURCES).map(([name, text]) => {
    must('sh', ['-c', `printf %s "$1" | '${CLANG}' -flto=thin -O2 -x c++ -c - -o ${name}.o`, 'sh', text], {
      cwd: directory,
    })
    return `${name}.o`
  })
}

/** In `directory`/link: response.txt, and the output of stock lld as `stock`. */
export function prepareLink(directory: string): void {
  const objects = compileSources(directory)
  const args = ['-flto=thin', '-O2', `--ld-path=${STOCK}`, '-Wl,--reproduce=link.tar', ...objects, '-o', 'first']
  must(`${CLANG}++`, args, { cwd: directory })
  must('tar', ['-xf', 'link.tar'], { cwd: directory })
  must(STOCK, ['@response.txt', '-o', 'stock'], { cwd: join(directory, 'link') })
}
