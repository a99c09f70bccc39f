import { connect } from 'node:net'

/**
 * What distccd tells on its statistics port (`--stats --stats-port N`): plain HTTP, one `name value` a line. It has no
 * count of busy slots; the load is that of the whole machine.
 */
export interface Statistics {
  /** Connections that it serves at the same time. */
  readonly maxJobs: number | undefined
  /** Tasks running on the machine at that moment. */
  readonly runningTasks: number | undefined
  /** One-minute load average. */
  readonly load: number | undefined
  /** Space left for the files of jobs. */
  readonly freeMegabytes: number | undefined
}

/** Reads what it can; undefined when the text is no statistics page at all. */
export function parseStatistics(text: string): Statistics | undefined {
  if (!text.includes('<distccstats>')) return undefined
  const number = (name: string, min: number): number | undefined => {
    const value = Number.parseFloat(new RegExp(`^${name} +(-?[\\d.]+)`, 'm').exec(text)?.[1] ?? 'none')
    return Number.isFinite(value) && value >= min ? value : undefined
  }
  return {
    maxJobs: number('dcc_max_kids', 1),
    runningTasks: number('dcc_current_load', 0),
    load: number('dcc_load1', 0),
    freeMegabytes: number('dcc_free_space', 0),
  }
}

const MAX_PAGE_BYTES = 64 * 1024

/** Fetches the page; undefined when there is none, for whatever reason, within the time. Never rejects. */
export function fetchStatistics(
  host: string,
  port: number,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Statistics | undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve(undefined)
      return
    }
    let text = ''
    const socket = connect({ host, port })
    const finish = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', finish)
      socket.destroy()
      resolve(parseStatistics(text))
    }
    const timer = setTimeout(finish, timeoutMs)
    signal.addEventListener('abort', finish, { once: true })
    // distccd answers without reading; a request is sent for the sake of what may stand in between.
    socket.on('connect', () => socket.write('GET / HTTP/1.0\r\n\r\n'))
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      if (text.includes('</distccstats>') || text.length > MAX_PAGE_BYTES) finish()
    })
    socket.on('error', finish)
    socket.on('close', finish)
  })
}
