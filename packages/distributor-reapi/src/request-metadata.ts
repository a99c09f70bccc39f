import { randomUUID } from 'node:crypto'
import { RequestMetadata } from './generated/build/bazel/remote/execution/v2/remote_execution.js'
import { encodeMessage } from './grpc/methods.js'

const HEADER = 'build.bazel.remote.execution.v2.requestmetadata-bin'

/** Who asks and why, for the engine's pages and for its fairness: all calls of a link have one invocation id. */
export class Invocation {
  readonly id = randomUUID()
  readonly #tool = { toolName: 'dtlto', toolVersion: '' }

  /** Of calls for the whole link, or for one action: `moduleId` for people. */
  headers(actionId = '', moduleId = ''): Readonly<Record<string, Buffer>> {
    const message = {
      toolDetails: this.#tool,
      actionId,
      toolInvocationId: this.id,
      correlatedInvocationsId: '',
      actionMnemonic: actionId === '' ? '' : 'ThinLTOBackend',
      targetId: moduleId,
      configurationId: '',
    }
    return { [HEADER]: encodeMessage(RequestMetadata, message) }
  }
}
