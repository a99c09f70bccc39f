import { coreProgram, core, cxxProgram, debug, elfOnly, runtime } from '../inputs/programs.js'
import { library, type ParityCase, program } from '../parity-case.js'
import { aarch64, allTargets, elfTargets, s390x, x86_64 } from '../targets.js'

/** The same programs for every target. */
export const targetCases: ParityCase[] = [
  ...allTargets.flatMap((target) => [
    program('target', `${target.name} program of C modules`, target, coreProgram(target)),
    program('target', `${target.name} program of C++ modules`, target, cxxProgram(target)),
    program('target', `${target.name} program with debug information`, target, cxxProgram(target, debug)),
  ]),
  // s390x: lld reports its own GOT reference in a library of LTO objects alone.
  ...elfTargets
    .filter((target) => target !== s390x)
    .map((target) =>
      library('target', `${target.name} shared library with TLS, aliases and commons`, target, [
        elfOnly(target, ['-flto=thin', '-O2', '-fPIC']),
        core(target, ['-flto=thin', '-O2', '-fPIC']),
        runtime(target),
      ]),
    ),
  ...[x86_64, aarch64].map((target) =>
    program('target', `${target.name} static program with an ifunc`, target, [
      elfOnly(target, ['-flto=thin', '-O2', '-DWITH_IFUNC', '-fno-pic']),
      ...coreProgram(target),
    ]),
  ),
]
