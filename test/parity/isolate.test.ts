/** The suite once more, with every job that may travel compiled by a worker process from its bytes alone. */
process.env['DTLTO_PARITY_MODE'] ??= 'isolate'
await import('./parity.test.js')
