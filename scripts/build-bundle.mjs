/**
 * The command line program as one CommonJS file, and each of the distributors that come with it. They exist for start-up time: a linker is started very
 * often, and one file is read and compiled much faster than some dozens of ES modules are found, read and linked.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './root.mjs'

const ENTRY = join(ROOT, 'packages/dtlto/src/cli/main.ts')
const BUNDLE = join(ROOT, 'packages/dtlto/dist/cli.cjs')
/** What Node is started with: it must stay as it is written, for old versions. */
const AS_WRITTEN = ['start.cjs', 'load.cjs']
/** Node's own modules that take milliseconds to load and that few links need: loaded when something of them is used. */
const LAZY = /=require\("(node:(?:child_process|crypto|worker_threads|net))"\)/g

/** Loaded only by parts of the gRPC library that nobody asks for. */
const UNUSED = ['@grpc/proto-loader']

/** @returns {Promise<boolean>} */
export async function bundlePrograms() {
  if (!existsSync(ENTRY)) return true
  console.log('build: bundling the command line program and the distributors')
  try {
    await bundle(ENTRY, BUNDLE, [])
    for (const name of distributors()) {
      const directory = join(ROOT, `packages/distributor-${name}`)
      await bundle(join(directory, 'src/index.ts'), join(directory, `dist/${name}.cjs`), ['dtlto/plugin', ...UNUSED])
    }
    for (const name of AS_WRITTEN) {
      copyFileSync(join(ROOT, 'packages/dtlto/src/cli', name), join(ROOT, 'packages/dtlto/dist', name))
    }
  } catch {
    // esbuild has printed the reasons.
    return false
  }
  return (
    spawnSync(process.execPath, [join(ROOT, 'packages/dtlto/keep-compiled.cjs')], {
      stdio: ['ignore', 'ignore', 'inherit'],
    }).status === 0
  )
}

/** Names of those that come with dtlto. */
export function distributors() {
  return readdirSync(join(ROOT, 'packages')).flatMap((name) => /^distributor-(.*)/.exec(name)?.[1] ?? [])
}

/**
 * @param {string} entry
 * @param {string} outfile
 * @param {readonly string[]} external modules that stay outside
 */
async function bundle(entry, outfile, external) {
  const { build } = await import('esbuild')
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    external: ['*.node', ...external],
    minifySyntax: true,
    minifyWhitespace: true,
    // No keepNames: functions keep their names but where two modules have the same, and to put that right takes a call for each function that is made, 2 % of the linker’s thread.
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
  finish(outfile)
}

/**
 * Makes modules lazy, calls load.cjs for `import()`, and puts the hash in front that load.cjs compares.
 * @param {string} path
 */
function finish(path) {
  const bundled = readFileSync(path, 'utf8')
    .replace(LAZY, '=lazily("$1")')
    .replace(/(?<![\w$.])import\(/g, '__import(')
  const lazily = 'const lazily=name=>new Proxy({},{get:(_,key)=>require(name)[key]});'
  const text = `${lazily}${bundled}`
  const hash = createHash('sha256').update(text).digest('hex')
  writeFileSync(path, `/*${hash}*/${text}`)
}
