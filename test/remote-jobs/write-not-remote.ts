/** Writes not-remote.json anew, from what this version says. Read the difference before it is committed. */
import { writeFileSync } from 'node:fs'
import { survey } from './not-remote.js'

const lines = (await survey()).map((each) => `  ${JSON.stringify(each)}`)
writeFileSync(new URL('not-remote.json', import.meta.url), `[\n${lines.join(',\n')}\n]\n`)
