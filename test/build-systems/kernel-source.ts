/** The source of Linux as Debian and Ubuntu ship it for those who build their own: a package that holds a tarball. */
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../programs/run.js'

/** Unpacks it into the existing directory `destination`; `workDirectory` keeps the download. */
export async function fetchKernel(destination: string, workDirectory: string): Promise<void> {
  await mkdir(workDirectory, { recursive: true })
  const depends = await run('apt-cache', ['depends', 'linux-source'])
  const name = /linux-source-[\d.]+/.exec(depends)?.[0]
  if (name === undefined) throw new Error(`expected a package with a kernel's source but received '${depends}'`)
  await run('apt-get', ['-qq', '-o', 'Acquire::Retries=3', 'download', name], { cwd: workDirectory })
  const file = (await readdir(workDirectory)).find((each) => each.startsWith(`${name}_`) && each.endsWith('.deb'))
  if (file === undefined) throw new Error(`'apt-get download ${name}' left no package in '${workDirectory}'`)
  const script =
    'dpkg-deb --fsys-tarfile "$0" | tar -xOf - "./usr/src/$1.tar.xz" | tar -xJf - --strip-components=1 -C "$2"'
  await run('sh', ['-ec', script, join(workDirectory, file), name, destination])
}
