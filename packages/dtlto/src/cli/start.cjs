/*
 * What the launcher starts in Node (launcher/main.cpp). It must run in any Node that there is, however old, to say that it is too old: so
 * it is written in the JavaScript of 2009, and neither compiled nor bundled. Everything else is in cli.cjs, which an old Node cannot
 * even read.
 */
'use strict'

var NEEDED = [20, 19]

function isNewEnough(version) {
  var parts = version.split('.')
  var major = Number(parts[0])
  return major > NEEDED[0] || (major === NEEDED[0] && Number(parts[1]) >= NEEDED[1])
}

/* The launcher links without Node, or says that it must not, in the environment and by the arguments that it came with. */
function goBack(problem) {
  var launcher = decode(process.argv[2])
  var env = {}
  for (var name in process.env) env[name] = process.env[name]
  env.DTLTO_START_PROBLEM = problem
  env.DTLTO_START_NAME = process.argv[3]
  env.DTLTO_START_LLVM = process.argv[6]
  var options = { stdio: 'inherit', env: env }
  var ended = require('child_process').spawnSync(launcher, process.argv.slice(12), options)
  if (ended.signal) process.kill(process.pid, ended.signal)
  process.exit(ended.status === null ? 1 : ended.status)
}

function decode(argument) {
  return argument.charCodeAt(0) === 1 ? Buffer.from(argument.slice(1), 'hex') : argument
}

function ignore() {}

/* Node forgets which signals are ignored. The addon makes it right (actAsLinker); until it is there, nothing may end the process. */
function ignoreSignals(numbers) {
  var signals = require('os').constants.signals
  for (var name in signals) {
    if (numbers.indexOf(String(signals[name])) >= 0) process.on(name, ignore)
  }
}

/*
 * Two cores: the addon is loaded on one while this one runs the program (early_load.cpp), that of the LLVM which the launcher chose. Not with another
 * LD_PRELOAD, for which it is loaded in another way (native/src/load.ts), nor where threads are few.
 */
function loadAddonEarly() {
  var LAZY_AND_DEEPBIND = 1 | 8
  if (process.platform !== 'linux' || process.env.LD_PRELOAD || process.env.DTLTO_NATIVE || process.execArgv.length > 0)
    return
  try {
    process.dlopen({ exports: {} }, decode(process.argv[7]) + '/dtlto-early.node', LAZY_AND_DEEPBIND)
  } catch (_) {
    /* cli.cjs says what is wrong */
  }
}

if (process.argv[9]) ignoreSignals(process.argv[9].split(','))
if (isNewEnough(process.versions.node)) {
  loadAddonEarly()
  require('./load.cjs').compile().run()
} else goBack("Node '" + process.execPath + "' is version " + process.versions.node + ', which is too old')
