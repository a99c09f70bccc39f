import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import path from 'node:path'

export function exists(file: string): boolean {
  return lstatSync(file, { throwIfNoEntry: false }) !== undefined
}

/** All files and empty directories below a directory, relative and sorted; an empty directory ends in `/`. */
export function listFiles(directory: string, below = ''): string[] {
  const names: string[] = []
  for (const entry of readdirSync(path.join(directory, below), { withFileTypes: true })) {
    const name = path.join(below, entry.name)
    if (!entry.isDirectory()) names.push(name)
    else {
      const inner = listFiles(directory, name)
      names.push(...(inner.length > 0 ? inner : [`${name}/`]))
    }
  }
  return names.sort()
}

export interface FileState {
  readonly bytes: Buffer
  readonly mode: number
  readonly inode: number
}

/** Everything below a directory, held in memory. */
export function readTree(directory: string): Map<string, FileState> {
  const tree = new Map<string, FileState>()
  for (const name of listFiles(directory)) {
    const full = path.join(directory, name)
    const stat = lstatSync(full)
    let bytes = Buffer.alloc(0)
    if (stat.isSymbolicLink()) bytes = Buffer.from(`link to ${readlinkSync(full)}`)
    else if (stat.isFile()) bytes = readFileSync(full)
    tree.set(name, { bytes, mode: stat.mode, inode: stat.ino })
  }
  return tree
}
