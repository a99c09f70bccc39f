/** How much memory requests and answers may take. */
import { ByteBudget } from 'dtlto/plugin'

/** Room for objects: as they come from the wire, and decompressed. Two budgets: who has the first may wait for the second, never the other way. */
export interface AnswerRoom {
  readonly wire: ByteBudget
  readonly objects: ByteBudget
}

const MIB = 1024 * 1024
const LINK = { wire: 256 * MIB, objects: 512 * MIB }
const SERVER = { wire: 64 * MIB, objects: 256 * MIB }

export function roomOfLink(): AnswerRoom {
  return { wire: new ByteBudget(LINK.wire), objects: new ByteBudget(LINK.objects) }
}

export function roomOfServer(link: AnswerRoom): AnswerRoom {
  return { wire: new ByteBudget(SERVER.wire, link.wire), objects: new ByteBudget(SERVER.objects, link.objects) }
}

/** For requests that are being packed or sent. */
const REQUESTS_BYTES = 32 * MIB
/** A server that takes nothing of a request for so long has stopped reading, or its network is gone. */
const REQUESTS_STALL_MS = 1000

/**
 * Of a link. Packing all at once would hold every slot's request in memory, and have all of them arrive late: one after the other, the first servers begin
 * sooner and the last no later.
 */
export function roomForRequests(): ByteBudget {
  return new ByteBudget(REQUESTS_BYTES, undefined, REQUESTS_STALL_MS)
}
