import type { CannotExpress, ClangJob, JobFile } from 'dtlto/plugin'
import { toResponseFile } from './response-file.js'

/**
 * A clang job in the form that an unmodified distccd accepts:
 *
 *   clang-22 -c -I d.c @args.rsp -o o.o
 *
 * The server looks for a source file among the arguments and refuses some options, without a word. So the real arguments
 * are in a response file, and `d.c`, which is never sent, is there for the server to find.
 */
export interface WireJob {
  readonly kind: 'wire'
  /** argv after the compiler's name. */
  readonly args: readonly string[]
  readonly workingDirectory: string
  readonly responseFile: { readonly name: string; readonly text: string }
  readonly files: readonly (JobFile & {
    /** Other jobs have it too. */
    readonly shared: boolean
  })[]
}

/** Everything is sent below this directory, which the server puts below a fresh one of its own. */
export const WORKING_DIRECTORY = '/w'

/**
 * For every job: nothing but the job decides about the object (no configuration files of the server), a crash leaves no
 * files there, and the decoy causes no warning.
 */
export const COMMON_ARGS = ['--no-default-config', '-fno-crash-diagnostics', '-Wno-unused-command-line-argument']

/** Options whose files would stay on the server, and what else a server can only get wrong. */
const CANNOT =
  /^(-S|-E|-emit-llvm|-save-temps.*|--save-temps.*|-ftime-trace.*|-gsplit-dwarf.*|-split-dwarf-(file|output)|-fsave-optimization-record.*|-foptimization-record-file=.*|-opt-record-file|-dwo-dir.*|-MM?D|-MF|-fcrash-diagnostics-dir=.*|-fprofile-generate=.*\/.*)$/

export function toWireJob(job: ClangJob): WireJob | CannotExpress {
  const names = new Set(job.files.map(({ name }) => name))
  for (const file of job.files) {
    const wrong = whyBadName(file.name)
    if (wrong !== undefined) return cannot(`the file name '${file.name}' ${wrong}`)
    // An empty index would mean a compilation without ThinLTO, which nothing afterwards would notice.
    if (file.content.sizeBytes === 0 && file.name === job.index) return cannot(`the index of '${job.module}' is empty`)
  }
  if (!names.has(job.module) || !names.has(job.index)) return cannot(`the files of '${job.module}' are not complete`)

  const args: string[] = []
  let toObject = false
  for (let i = 0; i < job.args.length; i++) {
    const arg = job.args[i] as string
    if (arg === '-c') toObject = true
    else if (arg === '-o') i++
    else if (CANNOT.test(arg)) return cannot(`'${arg}' writes files that a distcc server does not send back`)
    // Response files nest, quoted or not.
    else if (arg.startsWith('@')) return cannot(`'${arg}' would be taken for a response file`)
    else if (arg.includes('\0')) return cannot(`an argument holds a NUL`)
    else args.push(arg)
  }
  if (!toObject) return cannot('the job does not ask for an object (-c)')

  let name = 'args.rsp'
  while (names.has(name)) name = `_${name}`
  return {
    kind: 'wire',
    args: ['-c', '-I', 'd.c', `@${name}`, '-o', 'o.o'],
    workingDirectory: WORKING_DIRECTORY,
    responseFile: { name: `${WORKING_DIRECTORY}/${name}`, text: toResponseFile([...COMMON_ARGS, ...args]) },
    files: job.files.map((file) => ({
      ...file,
      name: `${WORKING_DIRECTORY}/${file.name}`,
      shared: file.name !== job.index,
    })),
  }
}

/** Of the module and of what it imports, the index included. */
export function bitcodeBytes({ files }: WireJob): number {
  return files.reduce((sum, { content }) => sum + content.sizeBytes, 0)
}

function whyBadName(name: string): string | undefined {
  if (name === '' || name.startsWith('/')) return 'is not relative'
  if (name.split('/').some((part) => part === '..')) return `leads out of the job's directory`
  // LLVM 22 writes module paths into an index with their bytes sign-extended: the next character is damaged.
  if (/[^\x20-\x7e]/.test(name)) return 'is not plain ASCII, which LLVM cannot write into an index'
  return undefined
}

function cannot(reason: string): CannotExpress {
  return { kind: 'cannot', reason: `distcc: ${reason}` }
}
