/** Elements, without a framework: text is always text, never markup. */
type Child = Node | string | undefined
type Attributes = Readonly<Record<string, string | number | boolean | undefined>>

export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue
    element.setAttribute(name, value === true ? '' : String(value))
  }
  element.append(...children.filter((child) => child !== undefined))
  return element
}

export function section(title: string, ...children: readonly Child[]): HTMLElement {
  const id = title.toLowerCase().replace(/[^a-z]+/g, '-')
  return el('section', { 'aria-labelledby': id }, el('h2', { id }, title), ...children)
}

export interface Column<T> {
  readonly title: string
  readonly isNumber?: boolean
  /** What the column is sorted by; without it it cannot be. */
  readonly key?: (row: T) => number | string
  readonly cell: (row: T) => Child
}

const PAGE = 100

/** A table whose columns sort, a hundred rows at a time: long tables cost what is looked at. */
export function table<T>(caption: string, columns: readonly Column<T>[], rows: readonly T[]): Table<T> {
  let shown = rows
  let limit = PAGE
  const body = el('tbody')
  const status = el('p', { class: 'dim', role: 'status' })
  const more = el('button', { type: 'button' }, 'Show more')
  const heads = columns.map(({ title, isNumber, key }) => {
    const head = el('th', { scope: 'col', class: isNumber && 'n' })
    if (key === undefined) head.append(title)
    else {
      const button = el('button', { type: 'button' }, title)
      button.addEventListener('click', () => sort(head, key))
      head.append(button)
    }
    return head
  })
  const draw = (): void => {
    body.replaceChildren(
      ...shown
        .slice(0, limit)
        .map((row) =>
          el(
            'tr',
            {},
            ...columns.map(({ cell, isNumber }, i) =>
              el('td', { class: isNumber ? 'n' : i === 0 && 'name' }, cell(row)),
            ),
          ),
        ),
    )
    const count = Math.min(limit, shown.length)
    status.textContent =
      shown.length > PAGE || shown.length < rows.length ? `${String(count)} of ${String(shown.length)} shown` : ''
    more.hidden = count >= shown.length
  }
  const sort = (head: HTMLElement, key: (row: T) => number | string): void => {
    const down = head.getAttribute('aria-sort') !== 'descending'
    for (const other of heads) other.removeAttribute('aria-sort')
    head.setAttribute('aria-sort', down ? 'descending' : 'ascending')
    shown = [...shown].sort((a, b) => compare(key(a), key(b)) * (down ? -1 : 1))
    draw()
  }
  more.addEventListener('click', () => {
    limit += PAGE * 5
    draw()
  })
  draw()
  const element = el(
    'div',
    {},
    el(
      'div',
      { class: 'scroll', tabindex: 0, role: 'group', 'aria-label': caption },
      el('table', {}, el('caption', { hidden: true }, caption), el('thead', {}, el('tr', {}, ...heads)), body),
    ),
    status,
    more,
  )
  return {
    element,
    show: (some) => {
      shown = some
      limit = PAGE
      draw()
    },
  }
}

export interface Table<T> {
  readonly element: HTMLElement
  show(rows: readonly T[]): void
}

function compare(a: number | string, b: number | string): number {
  return typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b))
}
