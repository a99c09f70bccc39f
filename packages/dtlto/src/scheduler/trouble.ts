import { DtltoError } from '../errors.js'
import { messageOf } from '../message-of.js'

/**
 * What an error from a distributor means for its job.
 * - `retry`: machine or wire; the job goes elsewhere, and the endpoint's breaker counts it.
 * - `retire-endpoint`: the endpoint cannot be used in this link; it is not asked again.
 * - `retire`: the distributor is set up wrongly and will say the same for every job; it is not asked again.
 * - `fatal`: going on would hide a wrong result or a broken dtlto; the job fails with this error.
 */
export type Remedy = 'retry' | 'retire-endpoint' | 'retire' | 'fatal'

export function remedyFor(error: DtltoError): Remedy {
  switch (error.code) {
    case 'DTLTO_DISTRIBUTOR_UNAVAILABLE':
    case 'DTLTO_DISTRIBUTOR_FAILED':
    case 'DTLTO_OBJECT_REJECTED':
    case 'DTLTO_DEADLINE_EXCEEDED':
    case 'DTLTO_PLUGIN_MISBEHAVED':
    // Nobody asked it to cancel: this is not called for attempts that we aborted.
    case 'DTLTO_CANCELLED':
    // A distributor that is itself a set of distributors.
    case 'DTLTO_NO_DISTRIBUTOR_LEFT':
      return 'retry'
    case 'DTLTO_ENDPOINT_REFUSED':
      return 'retire-endpoint'
    case 'DTLTO_OPTION_INVALID':
    case 'DTLTO_CONFIG_INVALID':
    case 'DTLTO_CONFIG_NOT_ALLOWED':
    case 'DTLTO_PLUGIN_NOT_FOUND':
    case 'DTLTO_PLUGIN_INVALID':
    case 'DTLTO_PLUGIN_OPTION_INVALID':
      return 'retire'
    case 'DTLTO_NOT_DISTRIBUTED':
    case 'DTLTO_VERIFY_MISMATCH':
    case 'DTLTO_NATIVE_UNAVAILABLE':
    case 'DTLTO_NATIVE_MISMATCH':
    case 'DTLTO_FLAVOUR_UNKNOWN':
    case 'DTLTO_LINK_RUNNING':
    case 'DTLTO_CANNOT_LINK_AGAIN':
    case 'DTLTO_NO_THREAD':
      return 'fatal'
    default:
      // A newer registry in the plugin's copy of this package. The compiler proves that ours is covered.
      error.code satisfies never
      return 'retry'
  }
}

/** Anything that a distributor may throw, as a DtltoError. */
export function asTrouble(thrown: unknown, distributor: string): DtltoError {
  if (DtltoError.is(thrown)) return thrown
  const what = messageOf(thrown)
  return new DtltoError(
    'DTLTO_PLUGIN_MISBEHAVED',
    `distributor '${distributor}' threw something else than a DtltoError: ${what}`,
    {
      cause: thrown,
      details: { distributor },
    },
  )
}
