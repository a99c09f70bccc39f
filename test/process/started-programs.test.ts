import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CLANG, compile, DTLTO, inTemporaryDirectory, must, run, SMALL_PROGRAM, STOCK } from '../link/toolchain.js'

/** Writes down what it finds itself in, to the file `seen`, and speaks on both streams. No script: interpreters change their own signals. */
const WITNESS = `
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
int main(int argc, char **argv, char **environment) {
  char text[4096];
  FILE *seen = fopen("seen", "w"), *status = fopen("/proc/self/status", "r");
  for (int i = 1; i < argc; i++) fprintf(seen, "argument %s\\n", argv[i]);
  for (; *environment; environment++) fprintf(seen, "variable %s\\n", *environment);
  while (fgets(text, sizeof text, status))
    if (strstr("SigPnd: SigBlk: SigIgn: SigCgt: Umask: Cpus_allowed: NoNewPrivs: ", strtok(text, "\\t")))
      fprintf(seen, "%s %s", text, strtok(NULL, ""));
  fclose(status);
  for (int i = 0; i < RLIM_NLIMITS; i++) {
    struct rlimit limit;
    getrlimit(i, &limit);
    fprintf(seen, "limit %d %ld %ld\\n", i, (long)limit.rlim_cur, (long)limit.rlim_max);
  }
  for (int i = 0; i < 8; i++) {
    char link[32];
    sprintf(link, "/proc/self/fd/%d", i);
    ssize_t length = readlink(link, text, sizeof text);
    if (length < 0) continue;
    fprintf(seen, "descriptor %d %.*s\\n", i, (int)length, text);
  }
  fprintf(seen, "nice %d, in %s\\n", nice(0), getcwd(text, sizeof text));
  printf("%d\\n", (int)read(0, text, sizeof text));
  fflush(stdout);
  fprintf(stderr, "on stderr\\n");
  return 1;
}
`

/** What a program sees that `linker` starts, and what it says. */
function witness(cwd: string, linker: string, shell: string, args: readonly string[]) {
  const script = `${shell}; exec "$@" < input > output 2>&1`
  const env = { LLD_TEST_ODD: 'a b=c\nd', TZ: '', NODE_OPTIONS: '--no-warnings' }
  const { exitCode } = run('sh', ['-c', script, 'sh', linker, ...args], { cwd, env })
  // The process's number is in names that LLVM makes.
  const read = (name: string): string => readFileSync(join(cwd, name), 'utf8').replaceAll(/\.\d+\./g, '.PID.')
  return { exitCode, seen: read('seen').split('\n').sort().join('\n'), output: read('output') }
}

function compare(
  shell: string,
  args: readonly string[],
  own: readonly string[] = ['--distribute=local'],
): Promise<void> {
  return inTemporaryDirectory((cwd) => {
    compile(cwd, SMALL_PROGRAM)
    writeFileSync(join(cwd, 'input'), 'four')
    writeFileSync(join(cwd, 'witness.c'), WITNESS)
    must(CLANG, ['witness.c', '-o', 'witness'], { cwd })
    const stock = witness(cwd, STOCK, shell, args)
    assert.match(stock.output, /4\n/)
    assert.match(stock.seen, /LLD_TEST_ODD/)
    assert.deepEqual(witness(cwd, DTLTO, shell, [...args, ...own]), stock)
  })
}

const SCRIPT = ['main.o', '-lnone', '--error-handling-script=./witness']

test('an error handling script sees the environment, streams, signals and limits that it sees under stock lld', () =>
  compare('umask 027; ulimit -Sn 256; exec 5<input', SCRIPT))

test('an error handling script sees signals ignored that were when the linker was started, and no others', async () => {
  await compare("trap '' HUP USR1", SCRIPT)
  await compare("trap '' PIPE XFSZ", SCRIPT)
  // Nobody then hears how the script ended; lld says so.
  await compare("trap '' CHLD", SCRIPT)
})

test("LLVM's own distributor sees what it sees under stock lld", () =>
  compare(
    ':',
    [
      '-shared',
      'main.o',
      'twice.o',
      'add.o',
      '-o',
      'out.so',
      '--thinlto-distributor=./witness',
      '--thinlto-remote-compiler=/bin/true',
    ],
    ['--distribute-progress=off'],
  ))
