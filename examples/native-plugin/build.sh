#!/bin/sh
# Builds native_plugin.node in the given directory (default: build, beside this file). Node-API's headers are npm packages.
set -e
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/build}
headers=$(cd "$here" && node -p "require('node-api-headers').include_dir")
wrapper=$(cd "$here" && node -p "require('node:path').dirname(require.resolve('node-addon-api'))")
mkdir -p "$out"
exec "${CXX:-clang++-22}" -std=c++17 -O2 -Wall -Wextra -fPIC -shared -fvisibility=hidden \
  -DNAPI_VERSION=8 -DNODE_ADDON_API_CPP_EXCEPTIONS -isystem "$headers" -isystem "$wrapper" \
  "$here/plugin.cpp" "$here/clang_process.cpp" -pthread -o "$out/native_plugin.node"
