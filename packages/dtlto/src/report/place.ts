import type { AttemptFacts } from '../scheduler/events.js'

/**
 * The machine of an attempt, for people: its endpoint, where the distributor has another name, and its worker, where the endpoint told. Empty for
 * this machine and for a distributor that hides what it is made of.
 */
export function machineOf({
  distributor,
  endpoint,
  worker,
}: Pick<AttemptFacts, 'distributor' | 'endpoint'> & { readonly worker?: string }): string {
  const isNamed = endpoint !== distributor.replace(/#\d+$/, '')
  return [...(isNamed ? [endpoint] : []), ...(worker === undefined ? [] : [worker])].join('/')
}
