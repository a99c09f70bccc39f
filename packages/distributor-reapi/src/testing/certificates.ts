/** Certificates for tests of TLS, made by openssl: an authority, and what it has signed. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Why there can be none; undefined when there can. */
export function whyNoCertificates(): string | undefined {
  return spawnSync('openssl', ['version']).status === 0
    ? undefined
    : "openssl is not installed (Debian package 'openssl')"
}

export interface Signed {
  /** For example `IP:127.0.0.1`. Default: this machine. */
  readonly names?: string
  /** It was valid for a day, years ago. */
  readonly isExpired?: true
}

/** `ca.pem`, and NAME.pem with NAME.key for everything that is signed, in a directory. */
export class Certificates {
  readonly directory: string

  constructor(directory: string) {
    this.directory = directory
    this.authority('ca')
    writeFileSync(join(directory, 'signing.cnf'), SIGNING)
    writeFileSync(join(directory, 'index.txt'), '')
  }

  /** An authority that has signed nothing. */
  authority(name: string): void {
    this.#key(name)
    this.#openssl(
      'req',
      '-x509',
      '-new',
      '-key',
      `${name}.key`,
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
      '-out',
      `${name}.pem`,
    )
  }

  /** Overwrites what has that name, with a new key. */
  sign(name: string, { names = 'DNS:localhost,IP:127.0.0.1', isExpired }: Signed = {}): void {
    this.#key(name)
    writeFileSync(join(this.directory, `${name}.names`), `subjectAltName=${names}`)
    this.#openssl('req', '-new', '-key', `${name}.key`, '-subj', `/CN=${name}`, '-out', `${name}.csr`)
    const validity = isExpired ? ['-startdate', '20200101000000Z', '-enddate', '20200102000000Z'] : ['-days', '2']
    const paths = ['-in', `${name}.csr`, '-out', `${name}.pem`, '-extfile', `${name}.names`]
    this.#openssl('ca', '-batch', '-notext', '-config', 'signing.cnf', ...validity, ...paths)
  }

  read(file: string): Buffer {
    return readFileSync(join(this.directory, file))
  }

  #key(name: string): void {
    this.#openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', `${name}.key`)
  }

  #openssl(...args: string[]): void {
    const { status, stderr } = spawnSync('openssl', args, { cwd: this.directory, encoding: 'utf8' })
    if (status !== 0) throw new Error(`openssl ${args.join(' ')}: ${stderr}`)
  }
}

/** `openssl ca` alone can say from when a certificate is valid. */
const SIGNING = `[ca]
default_ca = authority
[authority]
database = index.txt
new_certs_dir = .
certificate = ca.pem
private_key = ca.key
default_md = sha256
rand_serial = yes
policy = any
unique_subject = no
[any]
commonName = supplied
`
