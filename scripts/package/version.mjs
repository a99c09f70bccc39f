import { join } from 'node:path'
import { ROOT } from '../root.mjs'
import { packageJson } from './npm.mjs'
import { must } from './run.mjs'

/** Of all packages. */
export function packageVersion() {
  return packageJson(join(ROOT, 'packages/dtlto')).version
}

/** Seconds since 1970: what packages give as the time of their files, so that the same sources give the same packages. */
export function sourceEpoch() {
  const given = process.env['SOURCE_DATE_EPOCH'] ?? must('git', ['log', '-1', '--format=%ct'], { cwd: ROOT }).trim()
  if (!/^\d+$/.test(given)) throw new Error(`SOURCE_DATE_EPOCH: expected seconds but received '${given}'`)
  return Number(given)
}
