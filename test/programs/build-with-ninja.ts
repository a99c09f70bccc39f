import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from './run.js'

const MANIFEST = `rule upper
  command = tr a-z A-Z < $in > $out
rule join
  command = cat $in > $out
build one: upper one.txt
build two: upper two.txt
build all: join one two
`

/** Builds three files with the ninja `executable`; rejects unless they are right, and made again only where something changed. */
export async function buildWithNinja(executable: string): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'dtlto-ninja-'))
  try {
    const write = (name: string, text: string) => writeFile(join(directory, name), text)
    const expectBuild = async (steps: RegExp, result: string): Promise<void> => {
      const printed = await run(executable, ['-C', directory])
      if (!steps.test(printed)) throw new Error(`expected ninja to print ${String(steps)} but received '${printed}'`)
      const made = await readFile(join(directory, 'all'), 'utf8')
      if (made !== result) throw new Error(`expected ninja to make '${result}' but received '${made}'`)
    }
    await write('build.ninja', MANIFEST)
    await write('one.txt', 'one\n')
    await write('two.txt', 'two\n')
    await expectBuild(/\[3\/3\]/, 'ONE\nTWO\n')
    await expectBuild(/no work to do/, 'ONE\nTWO\n')
    await write('two.txt', 'changed\n')
    await expectBuild(/\[2\/2\]/, 'ONE\nCHANGED\n')
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
