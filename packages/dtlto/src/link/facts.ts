import { type NativeDriver, native } from '@dtlto/native'
import type { LinkFacts } from '../distributors/interface.js'

/** What distributors may know of a link. The flavour is lld's own decision: `LinkSession.driver`. */
export function linkFacts(flavour: NativeDriver, workingDirectory: string): LinkFacts {
  return { flavour, llvmVersion: native().llvmVersion, workingDirectory }
}
