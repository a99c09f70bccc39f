import { basename } from 'node:path'
import { type OptionsSchema, type OptionValues, wrongIf } from 'dtlto/plugin'
import { parseAddress } from './address.js'
import { parseHeaders } from './headers.js'
import { parseHelpers } from './helper-choice.js'

export function parseProperties(
  pairs: readonly string[],
): readonly { readonly name: string; readonly value: string }[] {
  return pairs.map((pair) => {
    const at = pair.indexOf('=')
    if (at <= 0) throw new Error(`expected NAME=VALUE for each property but received '${pair}'`)
    return { name: pair.slice(0, at), value: pair.slice(at + 1) }
  })
}

/** Where Bazel has an option for the same thing, it has the same name. */
export const OPTIONS = {
  remote_executor: {
    type: 'string',
    description: 'the engine: grpc://HOST:PORT or grpcs://HOST[:PORT] (TLS)',
    receivesSecrets: true,
    check: wrongIf(parseAddress),
  },
  remote_cache: {
    type: 'string',
    description:
      'its storage and action cache, where that is another server. Without an engine: a cache of results. Default: the engine itself',
    receivesSecrets: true,
    check: wrongIf(parseAddress),
  },
  remote_instance_name: { type: 'string', default: '', description: 'which of the instances behind these servers' },
  remote_default_exec_properties: {
    type: 'list',
    default: [],
    description: 'what a worker must have: NAME=VALUE, for example OSFamily=linux+ISA=x86-64',
    check: wrongIf(parseProperties),
  },
  remote_header: {
    type: 'list',
    default: [],
    description:
      'headers of every call: NAME=VALUE, NAME=@FILE or NAME=$VARIABLE; a secret is not written here, but in a file or a variable',
    readsSecrets: true,
    check: wrongIf(parseHeaders),
  },
  credential_helper: {
    type: 'list',
    default: [],
    description:
      "programs that give headers, by the protocol of Bazel's credential helpers: PATH, or DOMAIN=PATH for one server (*.DOMAIN for all below it)",
    runsCode: true,
    readsSecrets: true,
    check: wrongIf(parseHelpers),
  },
  tls_certificate: {
    type: 'string',
    description:
      "a file with the certificates (PEM) that servers' certificates are checked against. Default: Node's own",
  },
  tls_client_certificate: { type: 'string', description: 'a file with the certificate (PEM) to show to servers' },
  tls_client_key: { type: 'string', description: 'a file with its key (PEM)' },
  toolchain: {
    type: 'string',
    choices: ['ship', 'image'],
    default: 'ship',
    description:
      "where the compiler comes from. ship: dtlto's own is sent with the job; a worker needs nothing. image: from the worker's image",
  },
  image_compiler: {
    type: 'string',
    description:
      "with toolchain=image, the compiler's name or path there: a clang, or dtlto-codegen. Default: clang-N for a linker of LLVM N",
  },
  slots: {
    type: 'integer',
    default: 0,
    min: 0,
    max: 10_000,
    description:
      'jobs at the engine at a time, for which up to an eighth more wait here; 0: as many as it takes up without a long queue, or 64 look-ups in a cache alone',
  },
  remote_execution_priority: {
    type: 'integer',
    default: 0,
    min: -(2 ** 31),
    max: 2 ** 31 - 1,
    description: 'priority of its actions; smaller is sooner',
  },
  remote_accept_cached: {
    type: 'boolean',
    default: true,
    description: 'take results of earlier links, also of others, from the action cache',
  },
  remote_cache_compression: {
    type: 'string',
    choices: ['auto', 'always', 'never'],
    default: 'auto',
    description:
      'zstd on the wire, where the server takes it. auto: the compiler and objects always, modules on a line of less than 300 Mbit/s, which is measured',
  },
  remote_upload_local_results: {
    type: 'boolean',
    default: false,
    description:
      'put what is compiled on this machine, or by other distributors that vouch for it, into the action cache for everybody',
  },
  group_small_jobs: {
    type: 'string',
    choices: ['auto', 'always', 'never'],
    default: 'auto',
    description:
      'several small jobs in one action. auto: only if the result of each also gets into the action cache, under its own name (remote_upload_local_results), or the cache is not read (remote_accept_cached=off)',
  },
} as const satisfies OptionsSchema

/** Whether this `image_compiler` is dtlto's own, by its name: a worker cannot be asked yet. */
export function isCodegen(program: string): boolean {
  return basename(program).startsWith('dtlto-codegen')
}

export type OpenOptions = OptionValues<typeof OPTIONS>
