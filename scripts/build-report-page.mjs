/**
 * The page of `--distribute-report` as one HTML file without data (packages/dtlto/dist/report-page.html): its script with the libraries that draw, its
 * style, and a place for the data. It loads nothing from anywhere, so that it can be sent by mail and read in ten years.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { ROOT } from './root.mjs'

const SOURCES = join(ROOT, 'packages/dtlto/page/src')
const PAGE = join(ROOT, 'packages/dtlto/dist/report-page.html')

/** Both ask for their text wherever they go. d3-scale stands for the other parts of d3 that it needs: same author, same licence. */
function licences() {
  const texts = ['uplot', 'd3-scale'].map((name) => {
    const text = readFileSync(join(ROOT, 'node_modules', name, 'LICENSE'), 'utf8').trim()
    return `${name}\n\n${text.replaceAll('--', '- -')}`
  })
  return `<!--\nThis page has in it:\n\n${texts.join('\n\n')}\n-->`
}

/** @returns {Promise<boolean>} */
export async function buildReportPage() {
  const { build } = await import('esbuild')
  try {
    const { outputFiles } = await build({
      entryPoints: [join(SOURCES, 'main.ts')],
      bundle: true,
      format: 'iife',
      platform: 'browser',
      target: ['chrome123', 'firefox120', 'safari17.5'],
      minify: true,
      write: false,
      legalComments: 'none',
      logLevel: 'warning',
    })
    const script = outputFiles[0]?.text.replaceAll('</script', String.raw`<\/script`) ?? ''
    const style = [createRequire(import.meta.url).resolve('uplot/dist/uPlot.min.css'), join(SOURCES, 'style.css')]
      .map((path) => readFileSync(path, 'utf8'))
      .join('\n')
    const page = readFileSync(join(SOURCES, 'page.html'), 'utf8')
    writeFileSync(
      PAGE,
      page
        .replace('<!--LICENCES-->', licences)
        .replace('/*STYLE*/', () => style)
        .replace('/*SCRIPT*/', () => script),
    )
    return true
  } catch {
    // esbuild has printed the reasons.
    return false
  }
}
