/** Writing a report, and reading one back. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { DtltoError } from '../errors.js'
import type { ReportDocument } from '../report/report-document.js'
import { whyNotFile } from '../why-not-file.js'

/** The page without data; scripts/build-report-page.mjs. */
function emptyPage(): string {
  const root = dirname(createRequire(import.meta.url).resolve('dtlto/package.json'))
  return readFileSync(join(root, 'dist/report-page.html'), 'utf8')
}

/** Writes the page or the document, in one step. Gives what went wrong: a link is not worth less without it. */
export async function writeReport(path: string, document: ReportDocument): Promise<string | undefined> {
  const temporary = `${path}.${String(process.pid)}`
  try {
    const json = JSON.stringify(document)
    writeFileSync(temporary, /\.html$/i.test(path) ? await page(json) : `${json}\n`)
    renameSync(temporary, path)
    return undefined
  } catch (error) {
    rmSync(temporary, { force: true })
    return `cannot write '${path}': ${whyNotFile(error)}`
  }
}

/** Data is compressed: a name of a module is in it many times. In base64, so that nothing in it can end the script that holds it. */
async function page(json: string): Promise<string> {
  const { gzipSync } = await import('node:zlib')
  return emptyPage().replace('<!--DATA-->', () => gzipSync(json).toString('base64'))
}

/** Throws DTLTO_OPTION_INVALID for what is no report, and names the file. */
export function readReport(path: string): ReportDocument {
  let value: unknown
  try {
    value = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    const why = `cannot read the report '${path}': ${whyNotFile(error)}`
    throw new DtltoError('DTLTO_OPTION_INVALID', why, { cause: error })
  }
  const { dtltoReport, jobs, attempts, places } = (value ?? {}) as Partial<ReportDocument>
  if (dtltoReport === 1 && [jobs, attempts, places].every((part) => Array.isArray(part))) return value as ReportDocument
  const what =
    dtltoReport === undefined ? 'no report' : `a report of another version (${String(dtltoReport)}; this dtlto reads 1)`
  throw new DtltoError(
    'DTLTO_OPTION_INVALID',
    `'${path}' is ${what}: expected what --distribute-report=FILE.json has written`,
  )
}
