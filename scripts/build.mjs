/**
 * `npm run build`: builds what is stale, in a few dozen milliseconds when nothing is.
 *
 *     native    CMake and Ninja    packages/native/build: dtlto.node, dtlto-codegen, dtlto-lld; packages/dtlto/bin: the programs
 *     types     tsc -b             packages/NAME/dist
 *     bundle    esbuild            packages/dtlto/dist/cli.cjs, packages/distributor-NAME/dist/NAME.cjs; their code caches in packages/dtlto/build
 *     page      esbuild            packages/dtlto/dist/report-page.html
 */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { bundlePrograms } from './build-bundle.mjs'
import { buildNativeParts } from './build-native.mjs'
import { buildReportPage } from './build-report-page.mjs'
import { isFresh, markFresh, sourceFingerprint } from './build-stamp.mjs'
import { compileTypes } from './build-types.mjs'
import { withLock } from './lock.mjs'
import { ROOT } from './root.mjs'

/**
 * @param {{ readonly check?: boolean }} [how] `check`: types too
 * @returns {Promise<boolean>} false if something does not compile; the compiler has said what
 */
export function build({ check = true } = {}) {
  return withLock(join(ROOT, 'build/.lock'), async () => {
    if (!buildNativeParts()) return false
    const fingerprint = sourceFingerprint()
    if (isFresh(fingerprint)) return true
    if (!compileTypes(check) || !(await bundlePrograms()) || !(await buildReportPage())) return false
    markFresh(fingerprint)
    return true
  })
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.exitCode = (await build()) ? 0 : 1
