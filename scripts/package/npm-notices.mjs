/** `THIRD-PARTY-NOTICES.md` of npm's packages: whose code is in one besides ours, with the licences. What npm installs beside it has licences of its own. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../root.mjs'
import { PLATFORM_PACKAGE } from './platform.mjs'

const debian = (/** @type {string} */ name) => `/usr/share/doc/${name}/copyright`
const npm = (/** @type {string} */ file) => join(ROOT, 'node_modules', file)

/** @type {Readonly<Record<string, readonly { what: string, licence: string }[]>>} */
const HELD = {
  dtlto: [{ what: 'smol-toml, in `dist/cli.cjs`', licence: npm('smol-toml/LICENSE') }],
  [PLATFORM_PACKAGE]: [
    { what: 'lld, in `dtlto.node` and `dtlto-lld`', licence: debian('liblld-22-dev') },
    { what: 'zlib, in `dtlto.node`', licence: debian('zlib1g-dev') },
    { what: 'node-addon-api, in `dtlto.node`', licence: npm('node-addon-api/LICENSE.md') },
    { what: 'node-api-headers, in `dtlto.node`', licence: npm('node-api-headers/LICENSE') },
  ],
  '@dtlto/distributor-reapi': [
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
  const texts = held.map(({ what, licence }) => `## ${what}\n\n${quoted(readFileSync(licence, 'utf8'))}\n`)
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
