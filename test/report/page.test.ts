import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { execFileSync } from 'node:child_process'
import type { Browser, Page } from 'playwright-core'
import { ROOT } from '../../scripts/root.mjs'
import { AXE, BROWSER, launch, open } from './browser.js'
import { largeReport } from './large-report.js'

/** Run in the page. */
const PICTURE = "document.querySelector('.timeline canvas').toDataURL()"
const DTLTO = join(ROOT, 'packages/dtlto/bin/dtlto')

describe('the page of a report', { skip: BROWSER === undefined && 'there is no Chromium here' }, () => {
  let directory = ''
  let browser: Browser
  let file = ''
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'dtlto-report-'))
    file = make('link', 300)
    browser = await launch()
  })
  after(async () => {
    await browser.close()
    rmSync(directory, { recursive: true })
  })

  function make(name: string, jobs: number): string {
    writeFileSync(join(directory, `${name}.json`), JSON.stringify(largeReport(jobs)))
    return execFileSync(DTLTO, ['report', join(directory, `${name}.json`)], { encoding: 'utf8' }).trim()
  }

  for (const scheme of ['light', 'dark'] as const) {
    test(`says in ${scheme} colours what was linked and what set the end, asks for nothing, and passes axe`, async () => {
      const { page, complaints } = await open(browser, file, scheme)
      assert.equal(await page.textContent('h1'), 'ThinLTO link of bin/program')
      assert.match((await page.textContent('.verdict')) ?? '', /set the end|would have been possible/)
      const headings = await page.locator('h2').allTextContents()
      assert.deepEqual(headings, [
        'Timeline',
        'Jobs at work',
        'Where the modules were compiled',
        'With other numbers of slots',
        'Slowest modules',
        'What stayed on this machine, and why',
        'Failures and second attempts',
        'Settings, versions and host',
      ])
      for (const summary of await page.locator('summary').all()) await summary.click()
      // What others have written is text.
      assert.match((await page.textContent('pre')) ?? '', /<script>alert\(1\)/)
      assert.deepEqual(await violations(page), [])
      assert.deepEqual(complaints, [])
      await page.close()
    })
  }

  test('says of each machine how fast it was, so that a slow one is seen', async () => {
    const { page } = await open(browser, file, 'light')
    const rows = page.locator('section[aria-labelledby=where-the-modules-were-compiled] tr')
    const cellsOf = async (machine: string): Promise<readonly string[]> =>
      await rows.filter({ hasText: machine }).locator('th, td').allTextContents()
    const titles = await rows.first().locator('th').allTextContents()
    const column = titles.findIndex((title) => title.startsWith('Speed'))
    assert.ok(column > 0, titles.join())
    const speed = async (machine: string): Promise<number> => parseInt((await cellsOf(machine))[column] ?? '', 10)
    // The made-up farm has one machine of a quarter of the speed of most, and two that are a little faster.
    assert.ok((await speed('build4.')) < 35)
    for (const machine of ['build1.', 'build2.', 'build7.', 'build8.']) assert.ok((await speed(machine)) > 60, machine)
    await page.close()
  })

  test('filters by module, machine and what happened, in the table and in the picture', async () => {
    const { page } = await open(browser, file, 'light')
    const rows = async (): Promise<string[]> =>
      page.locator('table', { hasText: 'Outcome' }).locator('tbody tr').allTextContents()
    const picture = (): Promise<string> => page.evaluate(PICTURE)
    await page.getByText('The same as a table').first().click()
    const whole = await picture()
    await page.locator('#filter-text').fill('file_17.o')
    assert.equal((await rows()).length, 1)
    assert.match((await rows())[0] ?? '', /file_17\.o/)
    assert.notEqual(await picture(), whole)
    await page.locator('#filter-text').fill('')
    await page.locator('#filter-only').selectOption('failures')
    assert.equal((await rows()).length, 8)
    assert.ok((await rows()).every((row) => row.includes('closed the connection')))
    await page.locator('#filter-only').selectOption('all attempts')
    await page.locator('#filter-place').selectOption('distcc: build4.example')
    assert.ok((await rows()).every((row) => row.includes('build4')))
    await page.close()
  })

  test('zooms with the keyboard and the mouse, and tells of the chosen bar in words', async () => {
    const { page } = await open(browser, file, 'light')
    const canvas = page.locator('.timeline canvas')
    const picture = (): Promise<unknown> => page.evaluate(PICTURE)
    const whole = await picture()
    await canvas.focus()
    await page.keyboard.press('+')
    const near = await picture()
    assert.notEqual(near, whole)
    await page.keyboard.press('ArrowRight')
    assert.notEqual(await picture(), near)
    await page.keyboard.press('0')
    assert.equal(await picture(), whole)
    await page.keyboard.press('ArrowDown')
    assert.match((await page.textContent('.chosen')) ?? '', /file_\d+\.o.*\n.*build.*from .* to /)
    const box = await canvas.boundingBox()
    assert.ok(box)
    const chosen = await picture()
    await page.mouse.move(box.x + 400, box.y + 60)
    await page.mouse.down()
    await page.mouse.move(box.x + 700, box.y + 60)
    await page.mouse.up()
    assert.notEqual(await picture(), chosen)
    await page.close()
  })

  test('holds 5,000 jobs in less than a megabyte, and shows them', async () => {
    const large = make('large', 5_000)
    assert.ok(statSync(large).size < 1_000_000, `${String(statSync(large).size)} bytes`)
    const { page, complaints } = await open(browser, large, 'light')
    assert.match((await page.textContent('.cards')) ?? '', /5,000/)
    assert.deepEqual(complaints, [])
    await page.close()
  })

  test('of a link without jobs says why there were none', async () => {
    const { jobs: _, ...rest } = largeReport(1)
    const phases = { endMs: 120 }
    const analysis = { ...rest.analysis, criticalPath: [], stayed: [], places: [], slots: 0 }
    const empty = {
      ...rest,
      jobs: [],
      attempts: [],
      places: [],
      phases,
      analysis,
      modules: { total: 12, cacheHits: 12 },
    }
    writeFileSync(join(directory, 'empty.json'), JSON.stringify(empty))
    const path = execFileSync(DTLTO, ['report', join(directory, 'empty.json')], { encoding: 'utf8' }).trim()
    const { page, complaints } = await open(browser, path, 'dark')
    assert.match((await page.textContent('.verdict')) ?? '', /12 of 12/)
    assert.deepEqual(complaints, [])
    await page.close()
  })

  test('has the licences of what is in it', () => {
    const text = readFileSync(file, 'utf8')
    assert.match(text, /Leon Sorokin/)
    assert.match(text, /Mike Bostock/)
  })
})

/** What axe finds, each as rule and elements. */
async function violations(page: Page): Promise<string[]> {
  // The page's own policy lets nothing in: what is evaluated from here is not held to it.
  await page.evaluate(readFileSync(AXE, 'utf8'))
  const found = await page.evaluate('axe.run()')
  const { violations } = found as { violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }
  return violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('; ')}`,
  )
}
