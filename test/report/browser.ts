/** Chromium of the system, without network, for tests of the page. */
import { existsSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { createRequire } from 'node:module'
import { type Browser, chromium, type Page } from 'playwright-core'

const PROGRAMS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

export const BROWSER = PROGRAMS.find((path) => existsSync(path))

/** As root in a container Chromium cannot make its sandbox. The page is ours. */
export const launch = (): Promise<Browser> =>
  chromium.launch({ ...(BROWSER !== undefined && { executablePath: BROWSER }), args: ['--no-sandbox'] })

export interface Opened {
  readonly page: Page
  /** What the console or an uncaught error said, and every address that was asked for beside the file. */
  readonly complaints: string[]
}

export async function open(browser: Browser, file: string, colorScheme: 'light' | 'dark'): Promise<Opened> {
  const page = await browser.newPage({ colorScheme, viewport: { width: 1280, height: 900 } })
  const complaints: string[] = []
  const address = pathToFileURL(file).href
  page.on('console', (message) => complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('request', (request) => {
    const url = request.url()
    if (url !== address && !/^(?:data|blob):/.test(url)) complaints.push(`asked for ${url}`)
  })
  await page.goto(address)
  await page.waitForSelector('html[data-ready]')
  return { page, complaints }
}

export const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
