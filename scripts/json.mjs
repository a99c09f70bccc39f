import { readFileSync } from 'node:fs'

/**
 * What a JSON file holds; the caller says what it takes that for.
 * @param {string} file
 * @returns {unknown}
 */
export function readJson(file) {
  return JSON.parse(readFileSync(file, 'utf8'))
}
