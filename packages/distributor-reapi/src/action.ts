/**
 * A job as an action of the Remote Execution API. Equal jobs are equal actions, whoever makes them and where: names in a job are canonical, entries are
 * sorted, and nothing of this machine is in it. So the engine's action cache is shared by everybody who links the same modules, with no key of ours.
 *
 *     job/            job.txt, and the job's contents
 *     toolchain/      the compiler, if it is sent
 */
import { codegenLayout, type ClangJob, type JobPackage } from 'dtlto/plugin'
import { type Blob, bytesBlob, contentBlob, messageBlob } from './blob.js'
import { directoryBlob, type NamedDigest } from './directory.js'
import {
  Action,
  Command,
  type Digest,
  type Platform,
} from './generated/build/bazel/remote/execution/v2/remote_execution.js'
import { byName, type ShippedToolchain } from './toolchain.js'

export const OBJECT_PATH = 'out/object.o'
/** dtlto-codegen's: diagnostics and further outputs. */
export const RESULT_PATH = 'out/result'

export interface JobAction {
  readonly kind: 'action'
  readonly digest: Digest
  /** Everything that the engine needs, the action itself last. */
  readonly blobs: readonly Blob[]
  readonly objectPath: string
  /** Undefined: the compiler is clang, and says what it says on stderr. */
  readonly resultPath: string | undefined
  /** Undefined: it cannot be executed together with others. */
  readonly member?: GroupMember
}

/** What an action that executes several jobs needs of each. */
export interface GroupMember {
  /** `job/`. */
  readonly directory: Blob
  /** What is in it. */
  readonly contents: readonly Blob[]
}

export interface Properties {
  readonly properties: readonly { readonly name: string; readonly value: string }[]
}

interface Program {
  readonly arguments: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly outputs: readonly string[]
  readonly platform: Platform
}

interface Work {
  readonly command: Blob
  readonly root: Blob
  readonly platform: Platform
  /** What else decides the result, and is in no input: the version of a compiler that the worker has. */
  readonly salt: string
  readonly doNotCache?: boolean
}

/** A dtlto-codegen, and what makes it run at a worker. */
export interface PlacedCodegen {
  readonly program: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly platform: Platform
  /** For one job: the same for all. */
  readonly command: Blob
  /** Of the input root. */
  readonly directories: readonly NamedDigest[]
  readonly blobs: readonly Blob[]
  readonly salt: string
}

/** The one that is sent. */
export function shippedCodegen(toolchain: ShippedToolchain, properties: Properties): PlacedCodegen {
  return placed({
    program: [`toolchain/${toolchain.loader}`, '--library-path', 'toolchain', 'toolchain/dtlto-codegen'],
    environment: {},
    platform: platformOf(properties),
    directories: [{ name: 'toolchain', digest: toolchain.directory.digest }],
    blobs: [toolchain.directory, ...toolchain.files],
    salt: '',
  })
}

/** What a program of the image may need to be found, and to find its linker and its like. */
const IMAGE_ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin' }

/** One of the worker's image. `version`: what it says of itself. */
export function imageCodegen(compiler: string, version: string, properties: Properties): PlacedCodegen {
  return placed({
    program: [compiler],
    environment: IMAGE_ENVIRONMENT,
    platform: platformOf(properties),
    directories: [],
    blobs: [],
    salt: version,
  })
}

function placed(codegen: Omit<PlacedCodegen, 'command'>): PlacedCodegen {
  const command = commandBlob({
    ...codegen,
    arguments: [...codegen.program, '--job', 'job', '-o', OBJECT_PATH, '--side-outputs', 'out'],
    outputs: [OBJECT_PATH, RESULT_PATH],
  })
  return { ...codegen, command }
}

export async function codegenAction(job: JobPackage, codegen: PlacedCodegen): Promise<JobAction> {
  const member = await jobDirectory(job)
  const { directory, contents } = member
  const root = directoryBlob([], [{ name: 'job', digest: directory.digest }, ...codegen.directories])
  return {
    ...actionOf({ ...codegen, root }, [...contents, directory, ...codegen.blobs, root]),
    objectPath: OBJECT_PATH,
    resultPath: RESULT_PATH,
    member,
  }
}

/**
 * Several jobs, one after the other, each in a process of its own: `jobs/N` is the Nth, and `out/N` what it makes, if it compiles. Nobody else will have
 * just these together: its result is not kept.
 */
export function groupAction(
  members: readonly GroupMember[],
  codegen: PlacedCodegen,
): Pick<JobAction, 'kind' | 'digest' | 'blobs'> {
  const jobs = directoryBlob(
    [],
    members.map(({ directory }, i) => ({ name: String(i), digest: directory.digest })).sort(byName),
  )
  const root = directoryBlob([], [{ name: 'jobs', digest: jobs.digest }, ...codegen.directories])
  const command = commandBlob({
    ...codegen,
    arguments: [...codegen.program, '--jobs', 'jobs', '--side-outputs', 'out'],
    outputs: members.flatMap((_, i) => [memberPath(i, OBJECT_PATH), memberPath(i, RESULT_PATH)]),
  })
  const inputs = members.flatMap(({ directory, contents }) => [...contents, directory])
  return actionOf({ ...codegen, command, root, doNotCache: true }, [...inputs, jobs, ...codegen.blobs, root])
}

/** Where the Nth job of a group puts what it would put at `path`, alone. */
export function memberPath(index: number, path: string): string {
  return path.replace('out/', `out/${index}/`)
}

/** With a clang of the worker's image. */
export async function clangAction(
  job: ClangJob,
  compiler: string,
  version: string,
  properties: Properties,
): Promise<JobAction> {
  const files = await Promise.all(
    job.files.map(async ({ name, content }) => ({ name, blob: contentBlob(content, await content.digest()) })),
  )
  const { root, blobs } = treeOf(files)
  const platform = platformOf(properties)
  const command = commandBlob({
    arguments: [compiler, ...job.args],
    environment: IMAGE_ENVIRONMENT,
    outputs: [job.output],
    platform,
  })
  return {
    ...actionOf({ command, root, platform, salt: version }, blobs),
    objectPath: job.output,
    resultPath: undefined,
  }
}

/** `COMPILER --version` at a worker. */
export function versionAction(
  compiler: string,
  properties: Properties,
  identity: Pick<Work, 'salt' | 'doNotCache'>,
): JobAction {
  const root = directoryBlob([], [])
  const platform = platformOf(properties)
  const command = commandBlob({
    arguments: [compiler, '--version'],
    environment: IMAGE_ENVIRONMENT,
    outputs: [],
    platform,
  })
  return { ...actionOf({ command, root, platform, ...identity }, [root]), objectPath: '', resultPath: undefined }
}

async function jobDirectory(job: JobPackage): Promise<GroupMember> {
  const { text, contents } = await codegenLayout(job)
  const files: NamedBlob[] = [
    { name: 'job.txt', blob: bytesBlob(text) },
    ...contents.map(({ name, sha256, content }) => ({ name, blob: contentBlob(content, sha256) })),
  ]
  const nodes = files.map(({ name, blob }): NamedDigest => ({ name, digest: blob.digest }))
  return { contents: files.map(({ blob }) => blob), directory: directoryBlob(nodes.sort(byName), []) }
}

interface NamedBlob {
  readonly name: string
  readonly blob: Blob
}

/** A tree of directories for files with `/` in their names. The blobs are those of files and directories, the root last. */
function treeOf(files: readonly NamedBlob[]): { root: Blob; blobs: readonly Blob[] } {
  const here: NamedBlob[] = []
  const below = new Map<string, NamedBlob[]>()
  for (const { name, blob } of files) {
    const slash = name.indexOf('/')
    if (slash < 0) here.push({ name, blob })
    else {
      const directory = name.slice(0, slash)
      const inside = below.get(directory) ?? []
      inside.push({ name: name.slice(slash + 1), blob })
      below.set(directory, inside)
    }
  }
  const trees = [...below].map(([name, inside]) => ({ name, ...treeOf(inside) })).sort(byName)
  const root = directoryBlob(
    here.map(({ name, blob }) => ({ name, digest: blob.digest })).sort(byName),
    trees.map((tree) => ({ name: tree.name, digest: tree.root.digest })),
  )
  return { root, blobs: [...here.map(({ blob }) => blob), ...trees.flatMap(({ blobs }) => blobs), root] }
}

function platformOf({ properties }: Properties): Platform {
  return {
    properties: [...properties].sort((a, b) => byName(a, b) || byName({ name: a.value }, { name: b.value })),
  }
}

function commandBlob(program: Program): Blob {
  return messageBlob(Command, {
    arguments: [...program.arguments],
    environmentVariables: Object.entries(program.environment)
      .map(([name, value]) => ({ name, value }))
      .sort(byName),
    outputPaths: [...program.outputs].sort(),
    // API 2.2 and later read it in the action, earlier ones here.
    platform: program.platform,
    outputFiles: [],
    outputDirectories: [],
    workingDirectory: '',
    outputNodeProperties: [],
    outputDirectoryFormat: 0,
  })
}

function actionOf(work: Work, inputs: readonly Blob[]): Pick<JobAction, 'kind' | 'digest' | 'blobs'> {
  const { command, root, platform } = work
  const action = messageBlob(Action, {
    commandDigest: command.digest,
    inputRootDigest: root.digest,
    timeout: undefined,
    doNotCache: work.doNotCache ?? false,
    salt: Buffer.from(work.salt),
    platform,
  })
  return { kind: 'action', digest: action.digest, blobs: [...inputs, command, action] }
}
