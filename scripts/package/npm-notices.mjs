/** `THIRD-PARTY-NOTICES.md` of npm's packages: whose code is in one besides ours, with the licences. What npm installs beside it has licences of its own. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../root.mjs'
import { LLD_PACKAGE } from './llvm.mjs'
import { PLATFORM_PACKAGE } from './platform.mjs'

const debian = (/** @type {string} */ name) => `/usr/share/doc/${name}/copyright`
const npm = (/** @type {string} */ file) => join(ROOT, 'node_modules', file)

/** @type {Readonly<Record<string, readonly { what: string, licence: string, lines?: number }[]>>} */
const HELD = {
  dtlto: [{ what: 'smol-toml, in `dist/cli.cjs`', licence: npm('smol-toml/LICENSE') }],
  [PLATFORM_PACKAGE]: [
    { what: 'lld, in `dtlto.node` and `dtlto-lld`', licence: debian(LLD_PACKAGE) },
    { what: 'zlib, in `dtlto.node`', licence: debian('zlib1g-dev') },
    { what: 'node-addon-api, in `dtlto.node`', licence: npm('node-addon-api/LICENSE.md') },
    { what: 'node-api-headers, in `dtlto.node`', licence: npm('node-api-headers/LICENSE') },
  ],
  '@dtlto/distributor-reapi': [
    { what: '@grpc/grpc-js, in `dist/reapi.cjs`', licence: npm('@grpc/grpc-js/LICENSE') },
    { what: '@js-sdsl/ordered-map, in `dist/reapi.cjs`', licence: npm('@js-sdsl/ordered-map/LICENSE') },
    // It has no file of its own for its licences: Apache's, as ours, and what is at the head of this one.
    { what: '@bufbuild/protobuf, in `dist/reapi.cjs`', licence: join(ROOT, 'LICENSE') },
    {
      what: 'functions of Google’s protobuf in @bufbuild/protobuf',
      licence: npm('@bufbuild/protobuf/dist/esm/wire/varint.js'),
      lines: 32,
    },
    {
      what: 'messages of the Remote Execution API and of Google, in `protos`',
      licence: join(ROOT, 'packages/distributor-reapi/protos/LICENSE'),
    },
  ],
}

/**
 * @param {string} name of the package
 * @param {string} directory
 */
export function writeNpmNotices(name, directory) {
  const held = HELD[name] ?? []
  const texts = held.map(({ what, licence, lines = Infinity }) => {
    const text = readFileSync(licence, 'utf8').split('\n').slice(0, lines)
    return `## ${what}\n\n${quoted(text.join('\n'))}\n`
  })
  const head =
    held.length === 0
      ? 'This package holds no code but that of dtlto, which is licensed as [LICENSE](LICENSE) says.'
      : 'dtlto is licensed as [LICENSE](LICENSE) says. This package also holds the following.'
  writeFileSync(join(directory, 'THIRD-PARTY-NOTICES.md'), [`# Third-party notices\n\n${head}\n`, ...texts].join('\n'))
}

/** @param {string} text */
function quoted(text) {
  return text
    .trim()
    .split('\n')
    .map((line) => `    ${line}`.trimEnd())
    .join('\n')
}
