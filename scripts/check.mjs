/** `npm run check`: what must hold before a commit, step by step, saying which. */
import { spawnSync } from 'node:child_process'
import { withHeartbeat } from './heartbeat.mjs'
import { ROOT } from './root.mjs'

/** Scripts of package.json. */
const STEPS = ['format:check', 'lint', 'types']

for (const step of STEPS) {
  console.log(`check: ${step}`)
  const run = () => spawnSync('npm', ['run', '--silent', step], { cwd: ROOT, stdio: 'inherit' }).status
  if (withHeartbeat(`check: ${step}`, run) !== 0) process.exit(1)
}
