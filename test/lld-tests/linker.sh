#!/bin/sh
# Stands for a linker in LLVM's tests: runs the program of its own name in $linkers, and keeps in a directory of its own
# below $records what that was asked and what it said. harness.ts writes the first lines: linkers, records, and the
# environment of dtlto.
name=${0##*/}
# LLVM's configuration of lit asks lld for things that no user's link does: to run twice in one process, to free memory.
# test/process/lld-in-test.test.ts looks at these.
unset LLD_IN_TEST
# Else programs and libraries of Windows hold the time.
: "${SOURCE_DATE_EPOCH=1700000000}"
export SOURCE_DATE_EPOCH
[ /dev/fd/1 -ef /dev/full ] && exec "$linkers/$name" "$@"
# The tests of LLVM's own DTLTO have lld distribute. DTLTO_DISTRIBUTE would be one warning more there.
case $PWD in */dtlto/*) unset DTLTO_DISTRIBUTE ;; esac
# A link that takes longer than two minutes has hung. (lit has a limit of its own, if Python has psutil.)
run() { timeout --foreground -s KILL 120 "$linkers/$name" "$@"; }
# Two warnings are by design: that a distributor got none of the jobs (links that keep temporary files), and that a link that fails
# is done once more when others made objects for it.
without_warnings() {
  sed -i -e "/: warning: [a-z-]*: distributor '[^']*' has not compiled \(the job\|any of the\)/d" \
    -e '/: warning: [a-z-]*: the final link failed, with objects of /d' "$1"
}
record=$(mktemp -d "$records/XXXXXXXXXXXX")
printf '%s\0' "$name" "$PWD" "$@" >"$record/call"
if [ /dev/fd/1 -ef /dev/fd/2 ]; then
  # The order of the two counts.
  run "$@" >"$record/stdout" 2>&1
  code=$?
  without_warnings "$record/stdout"
  cat "$record/stdout"
else
  run "$@" >"$record/stdout" 2>"$record/stderr"
  code=$?
  without_warnings "$record/stderr"
  cat "$record/stdout"
  cat "$record/stderr" >&2
fi
printf '%s' "$code" >"$record/code"
# Killed by a signal: die of it, too.
[ "$code" -gt 128 ] && ulimit -c 0 && kill "-$((code - 128))" $$
exit "$code"
