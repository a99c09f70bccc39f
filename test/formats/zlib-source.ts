/** The source of zlib as the distribution ships it: fetched once into build/programs, then reused. */
import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { withLock } from '../../scripts/lock.mjs'
import { ROOT } from '../../scripts/root.mjs'
import { fetchSource } from '../programs/apt-source.js'

const PROGRAMS = join(ROOT, 'build/programs')

/** The modules of libz. */
export const LIBRARY = [
  ...['adler32', 'compress', 'crc32', 'deflate', 'gzclose', 'gzlib', 'gzread', 'gzwrite', 'infback', 'inffast'],
  ...['inflate', 'inftrees', 'trees', 'uncompr', 'zutil'],
].map((name) => `${name}.c`)

/** Compresses stdin to stdout. */
export const MINIGZIP = 'test/minigzip.c'

/** The directory with the source, without the distribution's patches. */
export function zlibSource(): Promise<string> {
  const source = join(PROGRAMS, 'zlib/source')
  return withLock(join(PROGRAMS, 'zlib.lock'), async () => {
    if (existsSync(source)) return source
    const unfinished = `${source}.unfinished`
    await rm(unfinished, { recursive: true, force: true })
    await mkdir(unfinished, { recursive: true })
    // One at a time: two apt-get do not share their lists.
    await withLock(join(PROGRAMS, 'apt.lock'), () => fetchSource('zlib', unfinished, join(PROGRAMS, 'apt')))
    await rename(unfinished, source)
    return source
  })
}
