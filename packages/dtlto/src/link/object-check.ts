import type { BackendJob } from '../distributors/interface.js'
import { DtltoError } from '../errors.js'

/** The first bytes of a relocatable object, by the object format that a target triple implies. */
function expectedMagic(triple: string): { readonly format: string; readonly magics: readonly (readonly number[])[] } {
  const [arch = '', , os = '', environment = ''] = triple.split('-')
  if (arch.startsWith('wasm')) return { format: 'WebAssembly', magics: [[0x00, 0x61, 0x73, 0x6d]] }
  if (/^(darwin|macos|ios|tvos|watchos|xros|driverkit)/.test(os)) {
    return {
      format: 'Mach-O',
      magics: [
        [0xcf, 0xfa, 0xed, 0xfe],
        [0xce, 0xfa, 0xed, 0xfe],
      ],
    } // prettier-ignore
  }
  if ((/^(windows|win32|uefi)/.test(os) && !environment.includes('elf')) || os === 'cygwin') {
    const machines = /^(x86_64|amd64)/.test(arch)
      ? [0x64, 0x86]
      : /^i[3-9]86/.test(arch)
        ? [0x4c, 0x01]
        : /^(aarch64|arm64)/.test(arch)
          ? [0x64, 0xaa]
          : [0xc4, 0x01]
    // A /bigobj header begins with machine 0 and 0xffff.
    return { format: 'COFF', magics: [machines, [0x00, 0x00, 0xff, 0xff]] }
  }
  return { format: 'ELF', magics: [[0x7f, 0x45, 0x4c, 0x46]] }
}

/**
 * The last gate before lld: an object that came from elsewhere must not be empty and must be of the target's object format. It is not
 * proof of a right object (--distribute-verify is), but it catches what broken systems really return: nothing, or an error page.
 * Throws DTLTO_OBJECT_REJECTED.
 */
export function checkObject(
  object: Uint8Array,
  job: Pick<BackendJob, 'moduleId' | 'targetTriple'>,
  isObject = true,
): void {
  const reject = (why: string): never => {
    throw new DtltoError('DTLTO_OBJECT_REJECTED', `object for '${job.moduleId}' is ${why}`, {
      details: { module: job.moduleId, sizeBytes: object.byteLength },
    })
  }
  if (object.byteLength === 0) reject('empty')
  if (!isObject) return // assembly has no magic
  const { format, magics } = expectedMagic(job.targetTriple)
  if (!magics.some((magic) => magic.every((byte, i) => object[i] === byte))) reject(`not ${format}`)
}
