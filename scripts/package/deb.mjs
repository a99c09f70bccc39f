/**
 * Packages for Debian. `dtlto` takes libLLVM and Node from Debian's; `dtlto-node` is the Node that made them, for releases whose own is too old.
 *
 *     /usr/bin, /usr/include        links to what is in
 *     /usr/lib/dtlto/node_modules   as npm lays it out: the launcher and Node find everything from there
 *     /usr/share                    man pages, completions, licences
 *
 * No scripts of maintainers and no files but those in the package's list: removing it leaves nothing. The same sources and SOURCE_DATE_EPOCH give the same bytes.
 */
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ROOT } from '../root.mjs'
import { controlFile, dependencies, md5sums } from './deb-control.mjs'
import { copyrightFile, nodeCopyrightFile } from './deb-copyright.mjs'
import { LLVM } from './llvm.mjs'
import { nodeLicence } from './notices.mjs'
import { installPrograms } from './programs.mjs'
import { must } from './run.mjs'
import { fillShare } from './share.mjs'
import { packageVersion, sourceEpoch } from './version.mjs'

const MODULES = 'usr/lib/dtlto/node_modules'
const MAKERS = { dtlto: makeProgram, 'dtlto-node': makeNode }
const OLDEST_NODE = '20.19'
/** Beside the code of packages; copyright has the licences. */
const TEXTS = /^(readme|licen[cs]e|changelog|history)([-.].*)?$/i

/**
 * @param {string} output directory
 * @param {number} level xz's, 1 to 9
 * @param {string} only the name of one to make; empty for all
 * @returns {readonly string[]} the files
 */
export function makeDebs(output, level, only) {
  mkdirSync(output, { recursive: true })
  const stage = join(output, 'stage-deb')
  rmSync(stage, { recursive: true, force: true })
  const wanted = Object.entries(MAKERS).filter(([name]) => only === '' || name === only)
  if (wanted.length === 0) throw new Error(`'${only}': expected one of ${Object.keys(MAKERS).join(', ')}`)
  const files = wanted.map(([name, make]) => make(join(stage, name), output, level))
  rmSync(stage, { recursive: true })
  return files
}

/**
 * @param {string} root
 * @param {string} output
 * @param {number} level
 */
function makeProgram(root, output, level) {
  console.log('package: putting dtlto together')
  const modules = join(root, MODULES)
  const { foreign, withLlvm, onPath } = installPrograms(modules)
  // Debian's libLLVM is where the loader looks by itself.
  for (const file of withLlvm) must('patchelf', ['--remove-rpath', file])

  put(root, 'usr/bin', (bin) => {
    for (const { name, target } of onPath) symlinkSync(`../lib/dtlto/node_modules/${target}`, join(bin, name))
  })
  put(root, 'usr/include', (include) => {
    const header = join(modules, '@dtlto/native/include')
    cpSync(header, include, { recursive: true })
    rmSync(header, { recursive: true })
  })
  fillShare(join(root, 'usr/share'), 'vendor-completions')
  compressManPages(join(root, 'usr/share/man'))
  writeDocumentation(root, 'dtlto', copyrightFile({ foreign, modules, prefix: MODULES }))
  removeTexts(modules)
  // Scripts that npm would put on PATH; nothing starts them here.
  for (const { directory } of foreign) must('chmod', ['-R', 'a-x,a+X', directory])
  const bin = join(modules, 'dtlto/bin')
  const { libraries, llvm } = dependencies([...withLlvm, ...readdirSync(bin).map((name) => join(bin, name))])
  return pack(
    root,
    { output, level },
    {
      Package: 'dtlto',
      Depends: [...libraries, ...llvm, `nodejs (>= ${OLDEST_NODE}) | dtlto-node (= ${packageVersion()})`].join(', '),
      Suggests: `clang-${LLVM}, distcc, openssh-client`,
      Description: [
        'distributed ThinLTO inside the linker lld',
        'Drop-in linkers for programs that were compiled with -flto=thin. They hand the',
        'ThinLTO backends of a link to other machines (distcc, ssh, engines of the',
        'Remote Execution API, plugins) from inside the link, and their output is bit',
        'for bit that of lld. A link that asks for none of this is one of lld.',
        '',
        'clang finds them by -fuse-ld=dtlto. "dtlto doctor" checks the installation.',
      ],
    },
  )
}

/**
 * @param {string} root
 * @param {string} output
 * @param {number} level
 */
function makeNode(root, output, level) {
  console.log('package: putting dtlto-node together')
  const node = join(root, MODULES, 'dtlto/bin/node')
  mkdirSync(dirname(node), { recursive: true })
  copyFileSync(process.execPath, node)
  must('strip', ['--remove-section=.comment', node])
  writeDocumentation(root, 'dtlto-node', nodeCopyrightFile(readFileSync(nodeLicence(process.execPath), 'utf8')))
  return pack(
    root,
    { output, level },
    {
      Package: 'dtlto-node',
      Depends: dependencies([node]).libraries.join(', '),
      Enhances: 'dtlto',
      Description: [
        'Node.js for dtlto',
        `The Node.js ${process.versions.node} that dtlto was built with, for releases whose own`,
        `nodejs is older than ${OLDEST_NODE}. No program on PATH: it is for dtlto alone.`,
      ],
    },
  )
}

/**
 * @param {string} root
 * @param {string} directory
 * @param {(directory: string) => void} fill
 */
function put(root, directory, fill) {
  mkdirSync(join(root, directory), { recursive: true })
  fill(join(root, directory))
}

/**
 * Aliases become links, as Debian wants them.
 * @param {string} man
 */
function compressManPages(man) {
  for (const section of readdirSync(man))
    for (const name of readdirSync(join(man, section))) {
      const page = join(man, section, name)
      const [, other] = /^\.so \S+\/(\S+)$/m.exec(readFileSync(page, 'utf8')) ?? []
      if (other === undefined) must('gzip', ['-9n', page])
      else {
        rmSync(page)
        symlinkSync(`${other}.gz`, `${page}.gz`)
      }
    }
}

/**
 * @param {string} root
 * @param {string} name of the package
 * @param {string} copyright
 */
function writeDocumentation(root, name, copyright) {
  put(root, `usr/share/doc/${name}`, (doc) => {
    writeFileSync(join(doc, 'copyright'), copyright)
    const when = must('date', ['-u', '-R', '-d', `@${sourceEpoch()}`]).trim()
    const entry = `  * Changes that users see: CHANGELOG.md of the sources.\n\n -- ${maintainer()}  ${when}\n`
    writeFileSync(join(doc, 'changelog'), `dtlto (${packageVersion()}) unstable; urgency=medium\n\n${entry}`)
    must('gzip', ['-9n', join(doc, 'changelog')])
  })
  put(root, 'usr/share/lintian/overrides', (overrides) => {
    copyFileSync(join(ROOT, `scripts/package/${name}.lintian-overrides`), join(overrides, name))
  })
}

/** @param {string} modules */
function removeTexts(modules) {
  for (const entry of readdirSync(modules, { recursive: true, withFileTypes: true }))
    if (entry.isFile() && TEXTS.test(entry.name)) rmSync(join(entry.parentPath, entry.name))
}

/** As Debian's tools find out who makes a package; else who has made the newest commit. */
function maintainer() {
  const { DEBFULLNAME: name, DEBEMAIL: address } = process.env
  if (name && address) return `${name} <${address}>`
  return must('git', ['log', '-1', '--format=%an <%ae>'], { cwd: ROOT }).trim()
}

/**
 * @param {string} root
 * @param {{ output: string, level: number }} to
 * @param {Readonly<Record<string, string | readonly string[]>>} fields
 */
function pack(root, { output, level }, fields) {
  const architecture = must('dpkg', ['--print-architecture']).trim()
  const version = packageVersion()
  must('chmod', ['-R', 'u=rwX,go=rX', root])
  const more = { Version: version, Architecture: architecture, Maintainer: maintainer() }
  const sums = md5sums(root)
  put(root, 'DEBIAN', (directory) => {
    writeFileSync(join(directory, 'control'), controlFile({ ...fields, ...more }, root))
    writeFileSync(join(directory, 'md5sums'), sums)
  })
  const epoch = String(sourceEpoch())
  must('find', [root, '-exec', 'touch', '--no-dereference', `--date=@${epoch}`, '{}', '+'])
  const file = join(output, `${String(fields['Package'])}_${version}_${architecture}.deb`)
  must('dpkg-deb', ['--root-owner-group', '-Zxz', `-z${level}`, '--threads-max=1', '--build', root, file], {
    env: { ...process.env, SOURCE_DATE_EPOCH: epoch },
  })
  return file
}
