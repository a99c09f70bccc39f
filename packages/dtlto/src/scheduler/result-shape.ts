import { DtltoError } from '../errors.js'
import type { CompileResult, CompileTimings } from '../distributors/interface.js'
import { describe } from './trouble.js'

/** The result if it is one; throws DTLTO_PLUGIN_MISBEHAVED if a plugin returned something else. Its content is `accept`'s business. */
export function checkResult(value: unknown, distributor: string): CompileResult {
  if (!isRecord(value)) throw misbehaved(distributor, 'a result', value)
  const kind = value['kind']
  switch (kind) {
    case 'object':
      if (!(value['object'] instanceof Uint8Array))
        throw misbehaved(distributor, 'a Uint8Array for "object"', value['object'])
      checkList(distributor, value, 'diagnostics', isDiagnostic)
      checkList(distributor, value, 'sideOutputs', isSideOutput)
      if (value['stderr'] !== undefined && typeof value['stderr'] !== 'string')
        throw misbehaved(distributor, 'a string for "stderr"', value['stderr'])
      if (!isRecord(value['timings'])) throw misbehaved(distributor, 'an object for "timings"', value['timings'])
      break
    case 'here':
      if (!isRecord(value['timings'])) throw misbehaved(distributor, 'an object for "timings"', value['timings'])
      break
    case 'does-not-compile':
      // Its items are made sense of by whoever shows them: that the job failed is what counts.
      if (!Array.isArray(value['diagnostics']))
        throw misbehaved(distributor, 'an array for "diagnostics"', value['diagnostics'])
      break
    case 'cannot':
      if (typeof value['reason'] !== 'string') throw misbehaved(distributor, 'a string for "reason"', value['reason'])
      break
    default:
      throw misbehaved(distributor, `'object', 'here', 'does-not-compile' or 'cannot' for "kind"`, kind)
  }
  return value as unknown as CompileResult
}

/** How long compiling alone took, if the distributor says so and it is possible. */
export function statedCompileMs(timings: CompileTimings, elapsedMs: number): number | undefined {
  const ms = timings.compileMs
  return typeof ms === 'number' && ms >= 0 && ms <= elapsedMs ? ms : undefined
}

function checkList(
  distributor: string,
  result: Record<string, unknown>,
  key: 'diagnostics' | 'sideOutputs',
  isItem: (value: unknown) => boolean,
): void {
  const list = result[key]
  if (!Array.isArray(list)) throw misbehaved(distributor, `an array for "${key}"`, list)
  for (const item of list as readonly unknown[]) {
    if (!isItem(item)) throw misbehaved(distributor, `an item of "${key}" as the interface describes it`, item)
  }
}

function isDiagnostic(value: unknown): boolean {
  if (!isRecord(value) || typeof value['message'] !== 'string') return false
  return ['error', 'warning', 'remark', 'note'].includes(String(value['severity']))
}

function isSideOutput(value: unknown): boolean {
  return isRecord(value) && typeof value['path'] === 'string' && value['bytes'] instanceof Uint8Array
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function misbehaved(distributor: string, expected: string, received: unknown): DtltoError {
  const text = `distributor '${distributor}' broke its contract: expected ${expected} from compile() but received ${describe(received)}`
  return new DtltoError('DTLTO_PLUGIN_MISBEHAVED', text, { details: { distributor } })
}
