/** Everything that makes a distributor of a link's options; with it comes the gRPC library, which takes 45 ms to load. */
import { type DistributorContext, DtltoError, zstd } from 'dtlto/plugin'
import { type Properties, versionAction } from './action.js'
import { type Address, parseAddress } from './address.js'
import { type Compiler, ImageCompiler, ShippedCompiler } from './compilers.js'
import { Compression } from './compression.js'
import { askHelper } from './credential-helper.js'
import { channelCredentials, nameForTls } from './credentials.js'
import { Engine } from './engine.js'
import { Executions } from './executions.js'
import { Channel } from './grpc/channel.js'
import type { HeaderSource } from './grpc/header-source.js'
import { parseHeaders, readHeaders } from './headers.js'
import { helperFor, parseHelpers } from './helper-choice.js'
import { InFlight } from './in-flight.js'
import { type OpenOptions, parseProperties } from './options.js'
import { printed } from './outcome.js'
import { Preparation } from './preparation.js'
import { Reapi } from './reapi.js'
import { renewing } from './renewing.js'
import { Uploads } from './uploads.js'

/** Look-ups at a time in a cache that executes nothing: they wait for the wire and for nobody's processor. */
const LOOKUPS = 64

/** Throws DtltoError. */
export function openReapi(context: DistributorContext, options: OpenOptions): Reapi {
  const { env } = context
  const closed = new AbortController()
  const signal = AbortSignal.any([context.signal, closed.signal])
  const executorAddress = options.remote_executor
  const cacheAddress = options.remote_cache ?? executorAddress
  if (cacheAddress === undefined || cacheAddress === '')
    throw new DtltoError('DTLTO_PLUGIN_OPTION_INVALID', 'remote_executor: expected the address of an engine, got none')
  const addresses = [...new Set([executorAddress, cacheAddress])].filter((text): text is string => !!text)
  checkEncryption(options, addresses)
  const written = parseHeaders(options.remote_header)
  const helpers = parseHelpers(options.credential_helper)
  const headersFor = (address: Address): HeaderSource =>
    renewing(async () => {
      const helper = helperFor(helpers, address)
      const [own, given] = await Promise.all([readHeaders(written, env), helper && askHelper(helper, address, env)])
      return { headers: { ...given?.headers, ...own }, untilMs: given?.untilMs ?? Infinity }
    })
  const channels = new Map<string, Channel>()
  const channelTo = (text: string): Channel => {
    const address = parseAddress(text)
    const channel =
      channels.get(text) ??
      new Channel(address.target, channelCredentials(address, options), headersFor(address), nameForTls(address))
    channels.set(text, channel)
    return channel
  }
  const engine = new Engine({
    executor: executorAddress === undefined || executorAddress === '' ? undefined : channelTo(executorAddress),
    storage: channelTo(cacheAddress),
    instanceName: options.remote_instance_name,
    priority: options.remote_execution_priority,
    acceptCached: options.remote_accept_cached,
    compression: compressionOf(options),
    signal,
  })
  const platform = { properties: parseProperties(options.remote_default_exec_properties) }
  const { compiler, checkCompiler } = compilerOf(context, options, engine, platform)
  if (options.remote_upload_local_results && options.toolchain !== 'ship')
    throw new DtltoError(
      'DTLTO_PLUGIN_OPTION_INVALID',
      "remote_upload_local_results: expected toolchain=ship with it, for nobody here knows what the image's compiler would have made",
    )
  const onChange = (): void => context.statusChanged()
  const inFlight = new InFlight(options.slots || (engine.canExecute ? 0 : LOOKUPS), () => {
    executions.roomChanged()
    onChange()
  })
  const publishes = (): boolean => options.remote_upload_local_results && engine.takesResults
  const { group_small_jobs: grouping } = options
  const executions = new Executions({
    engine,
    compiler,
    inFlight,
    now: () => context.now(),
    onChange,
    mayGroup: () => grouping === 'always' || (grouping === 'auto' && (publishes() || !options.remote_accept_cached)),
    publishes,
  })
  const mayUpload = (): boolean => !executions.isGrouping
  return new Reapi(context, {
    engine,
    preparation: new Preparation({ engine, compiler, mayUpload, signal }),
    compiler,
    checkCompiler,
    uploads: new Uploads(engine, compiler),
    reads: options.remote_accept_cached,
    writes: options.remote_upload_local_results,
    exposed:
      helpers.length > 0 || written.some(({ from }) => from.kind !== 'plain') ? addresses.find(isOpen) : undefined,
    inFlight,
    executions,
    close: () => {
      closed.abort()
      for (const channel of channels.values()) channel.close()
    },
  })
}

const TLS_OPTIONS = ['tls_certificate', 'tls_client_certificate', 'tls_client_key'] as const

/** Whoever names certificates believes that the line is encrypted. */
function checkEncryption(options: OpenOptions, addresses: readonly string[]): void {
  const option = TLS_OPTIONS.find((name) => options[name] !== undefined)
  if (option === undefined || addresses.some((text) => parseAddress(text).isSecure)) return
  const message = `${option}: expected grpcs:// with it, but nothing is encrypted on the way to '${addresses.join("' and '")}'`
  throw new DtltoError('DTLTO_PLUGIN_OPTION_INVALID', message)
}

/** Whether others can listen on the way there. */
function isOpen(address: string): boolean {
  const { isSecure, target } = parseAddress(address)
  return !isSecure && !/^(localhost|127\.[\d.]+|\[::1\]):\d+$/.test(target)
}

function compressionOf({ remote_cache_compression: when }: OpenOptions): Compression {
  return new Compression(when === 'never' ? undefined : zstd(), when === 'always')
}

function compilerOf(
  context: DistributorContext,
  { toolchain, image_compiler: named }: OpenOptions,
  engine: Engine,
  platform: Properties,
): { readonly compiler: Compiler; readonly checkCompiler: () => Promise<void> } {
  const { env, link, signal } = context
  if (toolchain === 'ship')
    return { compiler: new ShippedCompiler(env, platform), checkCompiler: () => Promise.resolve() }
  if (!engine.canExecute)
    throw new DtltoError(
      'DTLTO_PLUGIN_OPTION_INVALID',
      'toolchain: a cache without an engine has no image; leave it at ship',
    )
  const program = named ?? `clang-${link.llvmVersion.split('.')[0] ?? ''}`
  const ask = async (compiler: string): Promise<string> => {
    // An answer of yesterday would be that of yesterday's image.
    const action = versionAction(compiler, platform, { salt: '', doNotCache: true })
    const watching = { signal, headers: engine.invocation.headers(action.digest.hash), onExecuting: () => undefined }
    const { result } = await engine.execute(action, 'skip', watching, () => context.now())
    const text = await printed(result.stdoutRaw, result.stdoutDigest, {
      read: (digest) => engine.store.read(digest, signal),
    })
    if (result.exitCode === 0) return text
    throw new DtltoError(
      'DTLTO_ENDPOINT_REFUSED',
      `'${compiler} --version' ends with exit code ${result.exitCode} at a worker: name the compiler of its image by option image_compiler, or use toolchain=ship`,
    )
  }
  const compiler = new ImageCompiler(program, link.llvmVersion, platform, ask)
  return { compiler, checkCompiler: () => compiler.version().then(() => undefined) }
}
