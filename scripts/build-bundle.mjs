/**
 * The command line program as one CommonJS file. It exists for start-up time: a linker is started very often, and one
 * file is read and compiled much faster than some dozens of ES modules are found, read and linked.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './root.mjs'

const ENTRY = join(ROOT, 'packages/dtlto/src/cli/main.ts')
const BUNDLE = join(ROOT, 'packages/dtlto/dist/cli.cjs')

/** @returns {Promise<boolean>} */
export async function bundleCli() {
  if (!existsSync(ENTRY)) return true
  console.log('build: bundling the command line program')
  const { build } = await import('esbuild')
  try {
    await build({
      entryPoints: [ENTRY],
      outfile: BUNDLE,
      bundle: true,
      format: 'cjs',
      platform: 'node',
      target: 'node20',
      external: ['*.node'],
      minifySyntax: true,
      minifyWhitespace: true,
      keepNames: true,
      // CommonJS has no import.meta. All modules get the bundle's own place: whoever looks for a file of a package must
      // ask for it by the package's name (createRequire(import.meta.url).resolve('@dtlto/native/package.json')).
      banner: { js: "const __bundleUrl=require('node:url').pathToFileURL(__filename).href;" },
      define: {
        'import.meta.url': '__bundleUrl',
        'import.meta.filename': '__filename',
        'import.meta.dirname': '__dirname',
      },
      legalComments: 'none',
      logLevel: 'warning',
    })
  } catch {
    // esbuild has printed the reasons.
    return false
  }
  return true
}
