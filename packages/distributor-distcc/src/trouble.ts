import type { Host } from './hosts.js'

/** What can be wrong with a server. Part of the kind of a warning, so that each is told once. */
export type Trouble =
  /** No TCP connection. */
  | 'unreachable'
  /** Connected, but thrown out at once. */
  | 'denied'
  /** The server does not run this compiler for us, or cannot. */
  | 'compiler'
  | 'version'
  | 'thinlto'
  | 'target'
  /** What it answers to the probe is not distcc's protocol. */
  | 'foreign'
  /** It did not finish the probe, for a reason that may pass. */
  | 'probe'
  /** A job was lost on the way. */
  | 'lost'
  | 'deadline'
  | 'silent'
  /** An object that cannot be right. */
  | 'rejected'
  /** Its compiler prints something beside the object. */
  | 'spoke'

interface ListedServer extends Host {
  /** Where the list was found that names it. */
  readonly from: string
}

/** The warning for users: what is wrong with which server, and what to do about it. */
export function explain(trouble: Trouble, host: ListedServer, compiler: string, reason: string): string {
  return `distcc server '${host.name}': ${reason}; ${REMEDIES[trouble](host, compiler)}`
}

const REMEDIES: Readonly<Record<Trouble, (host: ListedServer, compiler: string) => string>> = {
  unreachable: ({ port, from }) =>
    `is distccd running there, and TCP port ${port} open in its firewall? It was named by ${from}`,
  denied: () => `allow this machine there (distccd --allow, ALLOWEDNETS in /etc/default/distcc)`,
  compiler: (_, compiler) =>
    `install '${compiler}' there, run 'update-distcc-symlinks' and restart distccd, or name the compiler with option 'compiler'`,
  version: () => `install the same LLVM version there; the server is not used`,
  thinlto: () => `install LLVM's own clang there; the server is not used`,
  target: () => `install a clang with this target there; such jobs go elsewhere`,
  foreign: ({ port, from }) =>
    `is TCP port ${port} there that of distccd's jobs (3632 by default, not that of its statistics)? It was named by ${from}`,
  probe: () => `it gets no jobs and is tried again; distccd's log may tell more`,
  lost: () => `the job is compiled elsewhere; distccd's log may tell more`,
  deadline: () => `the job is compiled elsewhere; a longer time can be set with option 'job-timeout-ms'`,
  silent: () => `its jobs are compiled elsewhere`,
  rejected: () => `the job is compiled elsewhere`,
  spoke: () => `the linker compiles such jobs itself, to say what it has to say in its own words`,
}
