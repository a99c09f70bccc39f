/**
 * The documents as a site with search: `npm run docs:site` writes build/docs-site, static pages that any server can have. A link to a document that is not there ends it.
 * Links to files of the repository lead below DTLTO_SOURCE_URL (a forge's address of the tree), and are plain text without it.
 */
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitepress'

const SOURCE = process.env['DTLTO_SOURCE_URL']?.replace(/\/$/, '')

export default defineConfig({
  title: 'dtlto',
  description: 'Integrated distributed ThinLTO for lld',
  srcDir: '..',
  outDir: '../../build/docs-site',
  cacheDir: '../../build/docs-site-cache',
  srcExclude: ['site/node_modules/**'],
  // Addresses that end in .html are files everywhere, file systems included.
  cleanUrls: false,
  // The documents are above the directory that has the packages.
  vite: { resolve: { alias: { vue: fileURLToPath(new URL('../node_modules/vue', import.meta.url)) } } },
  markdown: {
    config(md) {
      // Indented code is code as well.
      md.renderer.rules['code_block'] = (tokens, i, options, env, self) =>
        self.rules['fence']?.(tokens, i, options, env, self) ?? ''
      md.core.ruler.push('links-to-the-repository', ({ tokens }) => {
        for (const token of tokens) {
          let isDropped = false
          token.children = (token.children ?? []).filter((child) => {
            if (child.type === 'link_close' && isDropped) return (isDropped = false)
            const href = child.type === 'link_open' ? (child.attrGet('href') ?? '') : ''
            if (!href.startsWith('../')) return true
            if (SOURCE === undefined) return !(isDropped = true)
            child.attrSet('href', `${SOURCE}/${posix.join('docs', href)}`)
            return true
          })
        }
      })
    },
  },
  themeConfig: {
    search: { provider: 'local' },
    outline: 'deep',
    sidebar: [
      {
        text: 'Start',
        items: [
          { text: 'Installing', link: '/install' },
          { text: 'Options and settings', link: '/options' },
          { text: 'Build systems', link: '/build-systems' },
          { text: 'Report, plan, statistics', link: '/report' },
          { text: "Coming from LLVM's DTLTO", link: '/llvm-dtlto' },
        ],
      },
      {
        text: 'Farms',
        items: [
          { text: 'Which one to choose', link: '/llvm-dtlto#which-farm-to-choose' },
          { text: 'ssh', link: '/ssh' },
          { text: 'distcc', link: '/distcc' },
          { text: 'Remote Execution engines', link: '/reapi' },
          { text: 'Workers', link: '/workers' },
          { text: 'Security', link: '/security' },
        ],
      },
      {
        text: 'Programming',
        items: [
          { text: 'Write a distributor', link: '/write-a-distributor' },
          { text: 'A distributor in C', link: '/c-plugins' },
          { text: 'The plugin API', link: '/plugin-api' },
          { text: 'Links from a program', link: '/embedding' },
        ],
      },
      {
        text: 'Reference',
        items: [
          { text: 'Formats and options', link: '/formats' },
          { text: 'Error codes', link: '/errors' },
          { text: 'Measurements', link: '/measurements' },
          { text: 'Very large links', link: '/scale' },
          { text: 'Glossary', link: '/glossary' },
        ],
      },
    ],
  },
})
