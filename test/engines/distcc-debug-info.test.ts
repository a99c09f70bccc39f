/**
 * Over distcc modules go without debug information that no import needs. What is imported is as it was, whatever languages types are of, and with options by which LLVM reads more.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Distccd, whyNoDistccd } from '../../packages/distributor-distcc/src/testing/distccd.js'
import { compile, DTLTO, must, run, STOCK } from '../link/toolchain.js'
import { distributeTo } from './distcc-link.js'

const MODULES = 6

/** Less than some hundred bytes in a row are not left out. */
function fields(prefix: string): string {
  return Array.from({ length: 12 }, (_, i) => `long ${prefix}_${String(i)};`).join(' ')
}

/** Each module has types, enumerations, variables and functions of its own, which others import with or without each other. */
function cModules(): Record<string, string> {
  const numbers = Array.from({ length: MODULES }, (_, i) => i)
  const files = numbers.map((i): [string, string] => {
    const next = (i + 1) % MODULES
    const [n, m] = [String(i), String(next)]
    return [
      `c${n}.c`,
      `enum state${n} { IDLE${n}, BUSY${n} = 4 };
struct only${n} { enum state${n} state; long weight; ${fields(`of_only${n}`)} };
struct argument${m} { ${fields(`of_argument${m}`)} };
extern long slow${m}(struct argument${m} *);
struct argument${n} { ${fields(`of_argument${n}`)} };
__attribute__((noinline)) long slow${n}(struct argument${n} *a) { return a->of_argument${n}_3 + ${n}; }
struct shared${n} { struct only${n} *own; int count; struct shared${n} *next; };
struct shared${m} { struct only${m} *own; int count; struct shared${m} *next; };
extern int count_of${m}(struct shared${m} *);
extern const struct shared${m} first${m};
struct only${n} own${n}[2] = {{IDLE${n}, 3}, {BUSY${n}, ${n}}};
const struct shared${n} first${n} = {own${n}, ${n}, 0};
int (*const by_pointer${n})(struct shared${m} *) = count_of${m};
int count_of${n}(struct shared${n} *s) { return s->count + first${m}.count; }
long weight_of${n}(struct shared${n} *s) { enum state${n} wanted = BUSY${n}; return s->own->state == wanted ? s->own->weight : 0; }
long all${n}(int depth) {
  struct shared${n} here = first${n};
  struct shared${m} there = first${m};
  struct argument${m} argument = {depth};
  if (depth > 1) return slow${m}(&argument);
  return depth == 0 ? weight_of${n}(&here) : count_of${m}(&there) + by_pointer${n}(&there);
}`,
    ]
  })
  const calls = numbers.map((i) => `all${String(i)}(argc)`).join(' + ')
  const declared = numbers.map((i) => `long all${String(i)}(int);`).join(' ')
  return {
    ...Object.fromEntries(files),
    'main.c': `${declared} int main(int argc, char **v) { return (int)(${calls}); }`,
  }
}

function cxxModules(): Record<string, string> {
  const header = `namespace shapes {
template <typename T> struct Box { T value; T get() const { return value; } virtual ~Box() {} };
enum class Color { red, green };
struct Shape { Color color; Box<long> area; Shape *next; virtual long size() const; virtual ~Shape(); };
}
`
  const numbers = Array.from({ length: MODULES }, (_, i) => i)
  const files = numbers.map((i): [string, string] => {
    const [n, m] = [String(i), String((i + 1) % MODULES)]
    return [
      `x${n}.cpp`,
      `${header}namespace shapes {
struct Own${n} : Shape { int side; ${fields(`of_own${n}`)} long size() const override { return side * ${n}; } };
struct Own${m};
long measure${m}(const Own${m} *, const Box<int> &);
Own${m} *make${m}(int);
Own${n} *make${n}(int side) { static Own${n} one; one.side = side; return &one; }
long measure${n}(const Own${n} *o, const Box<int> &b) { return o->side + b.get(); }
long all${n}(int depth) { Box<int> b; b.value = depth; return measure${m}(make${m}(depth), b) + make${n}(depth)->size(); }
}`,
    ]
  })
  const calls = numbers.map((i) => `shapes::all${String(i)}(argc)`).join(' + ')
  const declared = numbers.map((i) => `long all${String(i)}(int);`).join(' ')
  return {
    ...Object.fromEntries(files),
    'shape.cpp': `${header}long shapes::Shape::size() const { return area.get(); } shapes::Shape::~Shape() {}
extern "C" {
void *_ZTVN10__cxxabiv117__class_type_infoE[3], *_ZTVN10__cxxabiv120__si_class_type_infoE[3];
void _ZdlPvm(void *, unsigned long) {}
int __cxa_atexit(void (*)(void *), void *, void *) { return 0; }
void *__dso_handle;
}`,
    'main.cpp': `namespace shapes { ${declared} } int main(int argc, char **v) { return (int)(${calls}); }`,
  }
}

const OPTIONS: Readonly<Record<string, readonly string[]>> = {
  'no further option': [],
  'types imported whole': ['-mllvm', '-import-full-type-definitions'],
  'metadata read at once': ['-mllvm', '-disable-ondemand-mds-loading'],
}

describe('debug information over stock distccd', { skip: whyNoDistccd() }, () => {
  let directory = ''
  let server: Distccd | undefined

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'dtlto-debug-'))
    server = await Distccd.start({ jobs: 2, stats: false })
  })
  after(async () => {
    await server?.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  for (const [language, sources] of Object.entries({ C: cModules(), 'C++': cxxModules() })) {
    describe(`of ${language}`, () => {
      let objects: string[] = []
      before(() => {
        objects = compile(directory, sources, ['-g', '-O2', '-fno-exceptions', '-fno-threadsafe-statics'])
      })
      for (const [title, options] of Object.entries(OPTIONS)) {
        test(`is that of stock lld, with ${title}`, () => {
          assert.ok(server !== undefined)
          const args = ['-e', 'main', ...objects, ...options]
          must(STOCK, [...args, '-o', 'stock'], { cwd: directory })
          const remote = [distributeTo([server]), '--distribute-fallback=none']
          const ran = run(DTLTO, [...args, '-o', 'out', ...remote], { cwd: directory })
          assert.deepEqual(ran, { exitCode: 0, stdout: '', stderr: '' })
          const [out, stock] = ['out', 'stock'].map((name) => readFileSync(join(directory, name)))
          assert.ok(out !== undefined && stock?.equals(out), 'out differs from stock')
        })
      }
    })
  }
})
