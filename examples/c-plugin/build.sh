#!/bin/sh
# Builds libthreads.so in the given directory (default: build, beside this file). CFLAGS are added.
set -e
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/build}
mkdir -p "$out"
exec "${CC:-cc}" -std=c11 -O2 -Wall -Wextra -fPIC -shared -fvisibility=hidden -pthread \
  -I "$here/../../packages/native/include" $CFLAGS "$here/threads.c" -o "$out/libthreads.so"
