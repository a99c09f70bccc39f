/** Objects of real backends, damaged, and what becomes of those that are accepted all the same: they are given to lld. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compile, must } from '../link/toolchain.js'
import { type Flavour, output, type Target } from '../parity/targets.js'
import { withJobs } from './jobs.js'
import type { Random } from './random.js'
import { stockLinker } from './small-links.js'

/** Each kind of section, symbol and relocation that lld treats by itself: COMDATs, TLS, merged strings, unwind tables, … */
const RICH = {
  'shapes.cpp': `
struct Shape { virtual int area() const; virtual ~Shape(); int id; };
int Shape::area() const { return id; }
Shape::~Shape() { id = 0; }
template <class T> struct Box : Shape { T value; int area() const override { return value * value; } };
inline int counter() { static int n = 3; return ++n; }
#ifdef NO_TLS // lld needs parts of the C library for it
#define thread_local
#endif
extern thread_local int depth;
thread_local int local_depth = 7;
extern "C" int use(const char *, const Shape &);
__attribute__((weak)) int optional();
struct Guard { ~Guard() { use("guard", Box<int>()); } };
static int table[64] = {1, 2, 3};
static int zeros[1024];
int *pointers[] = {&table[3], &zeros[9]};
extern "C" int entry(int which) {
  Guard guard;
  Box<int> box; Box<short> small;
  box.value = which; small.value = 3;
  switch (which) {
  case 0: return use("zero", box);
  case 1: return use("one", small) + depth;
  case 2: return use("two", box) + local_depth;
  case 3: return counter();
  case 4: return optional ? optional() : 4;
  case 5: return table[which] + zeros[which] + *pointers[which & 1];
  case 6: throw which;
  }
  return int(which * 0.1 + 2.5);
}
`,
  'use.cpp': `
struct Shape { virtual int area() const; virtual ~Shape(); int id; };
#ifdef NO_TLS
#define thread_local
#endif
thread_local int depth = 1;
inline int counter() { static int n = 3; return ++n; }
static int *started = new int(counter());
extern "C" int use(const char *name, const Shape &shape) {
  try { return name[0] + shape.area() + *started; } catch (int n) { return n; }
}
#ifndef __APPLE__
extern "C" int alias(int) __attribute__((weak, alias("use2")));
#endif
extern "C" int use2(int n) { return n + depth; }
`,
} as const

/** What makes lld look closely, and link without libraries. */
const LINK_ARGS: Readonly<Record<Flavour, readonly string[]>> = {
  elf: ['-shared', '--gc-sections', '--icf=all', '--threads=1', '--unresolved-symbols=ignore-all', '--eh-frame-hdr'],
  mingw: [
    '-m',
    'i386pep',
    '-shared',
    '-e',
    'entry',
    '--gc-sections',
    '--threads=1',
    '--export-all-symbols',
    '-Xlink=/force:unresolved',
  ],
  coff: ['/dll', '/noentry', '/export:entry', '/opt:ref,icf', '/force:unresolved', '/nodefaultlib', '/threads:1'],
  macho: ['-dylib', '-platform_version', 'macos', '12.0', '12.0', '-undefined', 'dynamic_lookup', '-dead_strip'],
  wasm: ['--no-entry', '--export=entry', '--allow-undefined', '--threads=1'],
}

/** A link of these takes some 20. */
const HANGS_MS = 60_000

export interface ObjectsOf {
  readonly target: Target
  readonly what: string
  readonly flags: readonly string[]
  readonly args: readonly string[]
}

export interface Verdicts {
  /** Damaged objects of each kind. */
  readonly tried: number
  /** Of these, how many passed the check. */
  readonly accepted: number
  /** Of these, how many made lld say something. */
  readonly refusedByLld: number
  /** Of these, how many ended lld by a signal: where, and what lld printed. */
  readonly crashes: readonly string[]
}

/** Damages the objects of one link `count` times, and links with each that is accepted. */
export async function damageObjects(
  { target, flags, args }: ObjectsOf,
  cwd: string,
  count: number,
  random: Random,
): Promise<Verdicts> {
  const cflags = [`--target=${target.triple}`, '-ffreestanding', '-fno-rtti', '-std=c++17', ...target.cflags, ...flags]
  const inputs = compile(cwd, RICH, cflags).map((name) => join(cwd, name))
  const arch = target.flavour === 'macho' ? target.program.slice(0, 2) : []
  const all = [...arch, ...LINK_ARGS[target.flavour], ...args]
  const linker = stockLinker(target)
  const accepted: { where: string; bytes: Buffer; at: number }[] = []
  const good: Buffer[] = []
  await withJobs([linker, ...all, ...inputs, ...output(target, join(cwd, 'out'))], async (jobs, { native }) => {
    for (const { index, moduleId } of jobs) {
      const object = Buffer.from(await native.compileToMemory(index))
      const why = await native.checkObject(object)
      if (why !== '') throw new Error(`the object of '${moduleId}' itself is ${why}`)
      good.push(object)
    }
    for (let i = 0; i < count; i++) {
      const at = random.below(good.length)
      const [what, bytes] = damage(good[at] as Buffer, random)
      if ((await native.checkObject(bytes)) === '') accepted.push({ where: `${String(i)}: ${what}`, bytes, at })
    }
  })
  const names = good.map((bytes, i) => {
    const name = join(cwd, `good${String(i)}.o`)
    writeFileSync(name, bytes)
    return name
  })
  must(linker, [...all, ...names, ...output(target, join(cwd, 'out'))], { cwd })
  const damaged = join(cwd, 'damaged.o')
  const crashes: string[] = []
  let refusedByLld = 0
  for (const { where, bytes, at } of accepted) {
    writeFileSync(damaged, bytes)
    const objects = names.map((name, i) => (i === at ? damaged : name))
    const { status, signal, stderr, error } = spawnSync(
      linker,
      [...all, ...objects, ...output(target, join(cwd, 'out'))],
      { cwd, encoding: 'utf8', timeout: HANGS_MS, killSignal: 'SIGKILL' },
    )
    if (error) crashes.push(`${where}: no end after ${String(HANGS_MS)} ms`)
    else if (signal !== null || (status ?? 0) > 1 || stderr.includes('Stack dump')) {
      crashes.push(`${where}: ${signal ?? String(status)} in ${frames(stderr)}`)
    } else if (status !== 0) refusedByLld++
  }
  return { tried: count, accepted: accepted.length, refusedByLld, crashes }
}

/** The functions of lld in a stack dump. */
function frames(stderr: string): string {
  return [...stderr.matchAll(/ (lld::\S+?)\(/g)]
    .slice(0, 3)
    .map(([, name]) => name)
    .join(' < ')
}

/** Mostly a single wrong bit, as memory and wires make them; sometimes a missing end. */
function damage(object: Buffer, random: Random): [what: string, bytes: Buffer] {
  if (random.below(16) === 0) {
    const size = random.below(object.length)
    return [`only ${String(size)} of ${String(object.length)} bytes`, object.subarray(0, size)]
  }
  const bytes = Buffer.from(object)
  const at = random.below(bytes.length)
  const bit = random.below(8)
  bytes[at] = (bytes[at] ?? 0) ^ (1 << bit)
  return [`bit ${String(bit)} of byte ${String(at)}`, bytes]
}
