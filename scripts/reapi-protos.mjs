/**
 * `node scripts/reapi-protos.mjs [--fetch]`: the messages of the Remote Execution API for packages/distributor-reapi.
 *
 *     --fetch    protos/*.proto anew from their packages: the Go module of remote-apis, google-proto-files of npm. Without the HTTP mappings
 *                (google.api), which nobody here reads
 *     always     src/generated/*.ts from protos/, by buf and ts-proto
 *
 * Nothing of this is a part of the build: sources and codecs are committed, and the generators are installed in build/ when this is run.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ROOT } from './root.mjs'

const REMOTE_APIS = 'github.com/bazelbuild/remote-apis@v0.0.0-20260908115904-76ddd98e1f92'
const TOOLS = ['@bufbuild/buf@1.75.0', 'ts-proto@2.18.0', 'google-proto-files@5.0.2']

const PACKAGE = join(ROOT, 'packages/distributor-reapi')
const PROTOS = join(PACKAGE, 'protos')
const GENERATED = join(PACKAGE, 'src/generated')
const WORK = join(ROOT, 'build/reapi-protos')

const FROM_REMOTE_APIS = ['build/bazel/remote/execution/v2/remote_execution.proto', 'build/bazel/semver/semver.proto']
const FROM_GOOGLE = [
  'google/bytestream/bytestream.proto',
  'google/longrunning/operations.proto',
  'google/rpc/error_details.proto',
  'google/rpc/status.proto',
]

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {string} [cwd]
 */
const run = (command, args, cwd = WORK) => execFileSync(command, args, { cwd, encoding: 'utf8', maxBuffer: 1 << 26 })

function installTools() {
  mkdirSync(WORK, { recursive: true })
  writeFileSync(join(WORK, 'package.json'), '{ "private": true }\n')
  run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--no-save', ...TOOLS])
}

function fetchProtos() {
  const told = /** @type {unknown} */ (JSON.parse(run('go', ['mod', 'download', '-json', REMOTE_APIS])))
  const { Dir } = /** @type {{ Dir: string }} */ (told)
  rmSync(PROTOS, { recursive: true, force: true })
  for (const name of FROM_REMOTE_APIS) write(name, readFileSync(join(Dir, name), 'utf8'))
  const google = join(WORK, 'node_modules/google-proto-files')
  for (const name of FROM_GOOGLE) write(name, readFileSync(join(google, name), 'utf8'))
  // Both are under this licence; google-proto-files names it in its package.json alone.
  cpSync(join(Dir, 'LICENSE'), join(PROTOS, 'LICENSE'))
}

/**
 * @param {string} name
 * @param {string} text
 */
function write(name, text) {
  mkdirSync(dirname(join(PROTOS, name)), { recursive: true })
  writeFileSync(join(PROTOS, name), withoutMappings(text))
}

/** @param {string} text */
function withoutMappings(text) {
  return text
    .replace(/^import "google\/api\/.*\n/gm, '')
    .replace(/^import "google\/protobuf\/descriptor\.proto";\n/gm, '')
    .replace(/^ *option \(google\.(api|longrunning)[^;]*;\n/gm, '')
    .replace(/ *\[\(google\.api\.field_behavior\) = \w+\]/g, '')
    .replace(/^extend google\.protobuf\.MethodOptions \{[^}]*\}\n/gm, '')
}

function generate() {
  writeFileSync(join(WORK, 'buf.yaml'), JSON.stringify({ version: 'v2', modules: [{ path: 'protos' }] }))
  const plugin = {
    local: [process.execPath, 'node_modules/ts-proto/protoc-gen-ts_proto'],
    out: 'generated',
    opt: [
      'outputServices=none',
      'outputJsonMethods=false',
      'useExactTypes=false',
      'enumsAsLiterals=true',
      'unrecognizedEnum=false',
      'forceLong=number',
      'esModuleInterop=true',
      'importSuffix=.js',
      'env=node',
      'outputTypeRegistry=false',
    ],
    include_wkt: true,
    include_imports: true,
  }
  writeFileSync(join(WORK, 'buf.gen.yaml'), JSON.stringify({ version: 'v2', plugins: [plugin] }))
  for (const name of ['protos', 'generated']) rmSync(join(WORK, name), { recursive: true, force: true })
  cpSync(PROTOS, join(WORK, 'protos'), { recursive: true })
  run('node_modules/.bin/buf', ['generate'])
  rmSync(GENERATED, { recursive: true, force: true })
  for (const name of readdirSync(join(WORK, 'generated'), { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts')) continue
    const text = readFileSync(join(WORK, 'generated', name), 'utf8')
      .replace(/^\/\* eslint-disable \*\/\n/m, '')
      // Deprecated in the API, and still what some servers read: not a matter of our sources.
      .replaceAll('@deprecated', 'Deprecated:')
    mkdirSync(dirname(join(GENERATED, name)), { recursive: true })
    writeFileSync(join(GENERATED, name), withoutCopies(text))
  }
}

/**
 * Fields of bytes are whole objects, within messages within messages: ts-proto copies each, once a level.
 *
 * @param {string} text
 */
function withoutCopies(text) {
  const views = text.replaceAll('Buffer.from(reader.bytes())', 'viewOf(reader.bytes())')
  if (views === text) return text
  return `${views}
function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
`
}

installTools()
if (process.argv.includes('--fetch')) fetchProtos()
generate()
