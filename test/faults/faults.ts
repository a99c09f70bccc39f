/** What misbehaving.js can do, in words, and what the user reads about it. */
export interface FaultCase {
  /** "A distributor that …". */
  readonly sentence: string
  /** What the warning says. Without: there need not be one. */
  readonly warning?: RegExp
}

const BROKE = /broke its contract/
const THREW = /threw something else than a DtltoError/
const NO_OBJECT = /object for '.*' is /

export const FAULTS: Readonly<Record<string, FaultCase>> = {
  throws: { sentence: 'throws from compile()', warning: /a defect of the plugin/ },
  'throws-nothing': { sentence: 'throws undefined', warning: THREW },
  'rejects-with-error': { sentence: 'rejects with a plain error', warning: /a plain error/ },
  'rejects-with-number': { sentence: 'rejects with a number', warning: /: 7$/m },
  'never-resolves': { sentence: 'never answers' },
  'resolves-twice': { sentence: 'answers several times' },
  'returns-undefined': { sentence: 'returns nothing', warning: BROKE },
  'returns-text': { sentence: 'returns text in place of a promise', warning: BROKE },
  'returns-unknown-kind': { sentence: 'gives a result of an unknown kind', warning: BROKE },
  'object-without-bytes': { sentence: 'gives an object without bytes', warning: BROKE },
  'object-as-array': { sentence: 'gives an object as an array of numbers', warning: BROKE },
  'object-empty': { sentence: 'gives empty objects', warning: NO_OBJECT },
  'object-page': { sentence: 'gives an error page for an object', warning: NO_OBJECT },
  'object-header-alone': { sentence: "gives an object's header alone", warning: NO_OBJECT },
  'object-half': { sentence: 'gives half an object', warning: NO_OBJECT },
  'object-one-byte-short': { sentence: 'loses the last byte of an object', warning: NO_OBJECT },
  'object-detached': { sentence: 'gives an object whose memory is gone', warning: NO_OBJECT },
  'object-trapped': { sentence: 'gives a result that throws when it is read', warning: THREW },
  'claims-here': { sentence: 'claims that this process has compiled what it has not', warning: /misbehaving/ },
  'timings-lie': { sentence: 'gives impossible timings' },
  refuses: { sentence: 'says that good modules do not compile', warning: /could not compile .*, but this machine can/ },
  'refuses-with-garbage': { sentence: 'gives diagnostics that are none' },
  'diagnostics-garbage': { sentence: 'gives the right object with diagnostics that are none' },
  'stderr-garbage': { sentence: 'gives the right object with a number for stderr' },
  'side-outputs-garbage': { sentence: 'gives the right object with side outputs that are none' },
  'side-output-nowhere': { sentence: 'gives the right object with a side output that cannot be written' },
  'side-output-unasked': { sentence: 'gives the right object with a side output that nobody asked for' },
  cannot: { sentence: 'cannot express any job' },
  'fails-every-third': { sentence: 'fails on every third job', warning: /the machine is gone/ },
  'dies-in-mid-link': { sentence: 'dies in mid-link', warning: /the machine is gone/ },
  'vanishes-in-mid-link': { sentence: 'falls silent in mid-link' },
  'ignores-abort': { sentence: 'ignores that jobs are aborted' },
  'says-misconfigured': { sentence: 'says late that its options are wrong', warning: /no such host/ },
  'says-cancelled': { sentence: 'cancels jobs that nobody cancelled', warning: /somebody else wanted that/ },
  'compiles-twice': { sentence: 'compiles a job in this process twice at once' },
  'compiles-and-sends': { sentence: 'compiles a job in this process and sends another object for it' },
  'writes-into-the-job': { sentence: 'changes the facts of its jobs' },
  'throws-from-a-timer': { sentence: 'throws where nobody can catch it', warning: /nobody can catch this/ },
  'leaves-a-rejection': { sentence: 'leaves a rejection unhandled', warning: /nobody handles this/ },
  'leaks-listeners': { sentence: 'leaks listeners and timers' },
  'slots-nan': { sentence: 'has NaN slots', warning: /expected a number of slots .* received NaN/ },
  'slots-negative': { sentence: 'has fewer slots than none', warning: /expected a number of slots .* received -3/ },
  'slots-infinite': { sentence: 'has slots without end' },
  'slots-text': { sentence: 'has slots in words', warning: /expected a number of slots .* received '8'/ },
  'slots-change': { sentence: 'changes its slots all the time and tells nobody' },
  'busy-lies': { sentence: 'says that a milliard jobs of others run' },
  'speed-lies': { sentence: 'says that it is infinitely fast' },
  'status-nothing': { sentence: 'has no status' },
  'status-trapped': { sentence: 'has a status that throws when it is read', warning: /a trap/ },
  'status-throws': { sentence: 'throws from status()', warning: /no status today/ },
  'never-accepts': { sentence: 'never accepts work' },
  'open-throws': { sentence: 'throws from open()', warning: /no key fits/ },
  'open-rejects': { sentence: 'cannot be opened', warning: /no route to host/ },
  'open-never-resolves': { sentence: 'opens for ever' },
  'open-gives-nothing': {
    sentence: 'opens to nothing',
    warning: /gave something without status, compile, close, destroy/,
  },
  'open-gives-half': { sentence: 'opens to half a distributor', warning: /gave something without close, destroy/ },
  'close-hangs': { sentence: 'never closes' },
  'close-throws': { sentence: 'throws from close()' },
  'close-rejects': { sentence: 'cannot be closed' },
  'prepare-rejects': { sentence: 'cannot prepare', warning: /could not prepare: .*the machine is gone/ },
  'prepare-hangs': { sentence: 'prepares for ever' },
  'warns-much': { sentence: 'warns a thousand times', warning: /warning 0/ },
}
