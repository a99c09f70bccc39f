/** `dtlto report LINK.json [PAGE.html]`: makes the page of a report that was written as JSON, with a plan for other numbers of slots. */
import { DtltoError } from '../errors.js'
import { planOf } from './plan.js'
import { readReport, writeReport } from './report-file.js'

export async function reportCommand(argv: readonly string[], write: (text: string) => void): Promise<number> {
  const [path, second, ...more] = argv
  const page = second ?? path?.replace(/(?:\.json)?$/i, '.html')
  if (path === undefined || page === undefined || more.length > 0 || argv.some((word) => word.startsWith('-'))) {
    throw new DtltoError(
      'DTLTO_OPTION_INVALID',
      `dtlto report LINK.json [PAGE.html]: expected the file of --distribute-report=LINK.json but received '${argv.join(' ')}'`,
    )
  }
  if (!/\.html$/i.test(page)) {
    throw new DtltoError('DTLTO_OPTION_INVALID', `expected the name of a page to end in .html but received '${page}'`)
  }
  const report = readReport(path)
  const plan = await planOf(report)
  const trouble = await writeReport(page, plan === undefined ? report : { ...report, plan })
  if (trouble !== undefined) throw new DtltoError('DTLTO_OPTION_INVALID', trouble)
  write(`${page}\n`)
  return 0
}
