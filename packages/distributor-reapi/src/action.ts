/**
 * A job as an action of the Remote Execution API. Equal jobs are equal actions, whoever makes them and where: names in a job are canonical, entries are
 * sorted, and nothing of this machine is in it. So the engine's action cache is shared by everybody who links the same modules, with no key of ours.
 *
 *     job/            job.txt, and the job's contents
 *     toolchain/      the compiler, if it is sent
 */
import { codegenDirectory, type ClangJob, type JobPackage } from 'dtlto/plugin'
import { type Blob, bytesBlob, contentBlob, messageBlob } from './blob.js'
import {
  Action,
  Command,
  type Digest,
  Directory,
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

interface Work {
  readonly arguments: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly outputs: readonly string[]
  readonly root: Blob
  readonly platform: Properties
  /** What else decides the result, and is in no input: the version of a compiler that the worker has. */
  readonly salt: string
  readonly doNotCache?: boolean
}

/** A dtlto-codegen, and what makes it run at a worker. */
export interface PlacedCodegen {
  readonly command: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  /** Of the input root. */
  readonly directories: readonly { readonly name: string; readonly digest: Digest }[]
  readonly blobs: readonly Blob[]
  readonly salt: string
}

/** The one that is sent. */
export function shippedCodegen(toolchain: ShippedToolchain): PlacedCodegen {
  return {
    command: [`toolchain/${toolchain.loader}`, '--library-path', 'toolchain', 'toolchain/dtlto-codegen'],
    environment: {},
    directories: [{ name: 'toolchain', digest: toolchain.directory.digest }],
    blobs: [toolchain.directory, ...toolchain.files],
    salt: '',
  }
}

/** What a program of the image may need to be found, and to find its linker and its like. */
const IMAGE_ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin' }

/** One of the worker's image. `version`: what it says of itself. */
export function imageCodegen(compiler: string, version: string): PlacedCodegen {
  return { command: [compiler], environment: IMAGE_ENVIRONMENT, directories: [], blobs: [], salt: version }
}

export async function codegenAction(job: JobPackage, codegen: PlacedCodegen, platform: Properties): Promise<JobAction> {
  const member = await jobDirectory(job)
  const { directory, contents } = member
  const root = messageBlob(Directory, {
    ...NO_ENTRIES,
    directories: [{ name: 'job', digest: directory.digest }, ...codegen.directories],
  })
  const work = {
    ...codegen,
    arguments: [...codegen.command, '--job', 'job', '-o', OBJECT_PATH, '--side-outputs', 'out'],
    outputs: [OBJECT_PATH, RESULT_PATH],
    root,
    platform,
  }
  return {
    ...actionOf(work, [...contents, directory, ...codegen.blobs, root]),
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
  platform: Properties,
): Pick<JobAction, 'kind' | 'digest' | 'blobs'> {
  const jobs = messageBlob(Directory, {
    ...NO_ENTRIES,
    directories: members.map(({ directory }, i) => ({ name: String(i), digest: directory.digest })).sort(byName),
  })
  const root = messageBlob(Directory, {
    ...NO_ENTRIES,
    directories: [{ name: 'jobs', digest: jobs.digest }, ...codegen.directories],
  })
  const work = {
    ...codegen,
    arguments: [...codegen.command, '--jobs', 'jobs', '--side-outputs', 'out'],
    outputs: members.flatMap((_, i) => [memberPath(i, OBJECT_PATH), memberPath(i, RESULT_PATH)]),
    root,
    platform,
    doNotCache: true,
  }
  const inputs = members.flatMap(({ directory, contents }) => [...contents, directory])
  return actionOf(work, [...inputs, jobs, ...codegen.blobs, root])
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
  platform: Properties,
): Promise<JobAction> {
  const files = await Promise.all(
    job.files.map(async ({ name, content }) => ({ name, blob: await contentBlob(content) })),
  )
  const { root, blobs } = treeOf(files)
  const work = {
    arguments: [compiler, ...job.args],
    environment: IMAGE_ENVIRONMENT,
    outputs: [job.output],
    root,
    platform,
    salt: version,
  }
  return { ...actionOf(work, blobs), objectPath: job.output, resultPath: undefined }
}

/** `COMPILER --version` at a worker. */
export function versionAction(compiler: string, platform: Properties, salt: string): JobAction {
  const root = messageBlob(Directory, NO_ENTRIES)
  const work = { arguments: [compiler, '--version'], environment: IMAGE_ENVIRONMENT, outputs: [], root, platform, salt }
  return { ...actionOf(work, [root]), objectPath: '', resultPath: undefined }
}

const NO_ENTRIES: Directory = { files: [], directories: [], symlinks: [], nodeProperties: undefined }

async function jobDirectory(job: JobPackage): Promise<GroupMember> {
  const known = new Map(
    (await Promise.all(job.blobs.map(({ content }) => contentBlob(content)))).map((blob) => [blob.digest.hash, blob]),
  )
  const contents: Blob[] = []
  const files: Directory['files'] = []
  for (const { name, sha256, bytes } of await codegenDirectory(job)) {
    // Only the text is rendered; contents stay where they are.
    const blob = known.get(sha256) ?? bytesBlob(Buffer.from(bytes()))
    contents.push(blob)
    files.push(fileNode(name, blob.digest))
  }
  return { contents, directory: messageBlob(Directory, { ...NO_ENTRIES, files: files.sort(byName) }) }
}

function fileNode(name: string, digest: Digest): Directory['files'][number] {
  return { name, digest, isExecutable: false, nodeProperties: undefined }
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
  const root = messageBlob(Directory, {
    ...NO_ENTRIES,
    files: here.map(({ name, blob }) => fileNode(name, blob.digest)).sort(byName),
    directories: trees.map((tree) => ({ name: tree.name, digest: tree.root.digest })),
  })
  return { root, blobs: [...here.map(({ blob }) => blob), ...trees.flatMap(({ blobs }) => blobs), root] }
}

function actionOf(work: Work, inputs: readonly Blob[]): Pick<JobAction, 'kind' | 'digest' | 'blobs'> {
  const platform: Platform = {
    properties: [...work.platform.properties].sort(
      (a, b) => byName(a, b) || byName({ name: a.value }, { name: b.value }),
    ),
  }
  const command = messageBlob(Command, {
    arguments: [...work.arguments],
    environmentVariables: Object.entries(work.environment)
      .map(([name, value]) => ({ name, value }))
      .sort(byName),
    outputPaths: [...work.outputs].sort(),
    // API 2.2 and later read it in the action, earlier ones here.
    platform,
    outputFiles: [],
    outputDirectories: [],
    workingDirectory: '',
    outputNodeProperties: [],
    outputDirectoryFormat: 0,
  })
  const action = messageBlob(Action, {
    commandDigest: command.digest,
    inputRootDigest: work.root.digest,
    timeout: undefined,
    doNotCache: work.doNotCache ?? false,
    salt: Buffer.from(work.salt),
    platform,
  })
  return { kind: 'action', digest: action.digest, blobs: [...inputs, command, action] }
}
