/** TLS with a certificate on both sides, as companies have it, by an engine of our own, which shows what a test wants; BuildGrid has TLS, too. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { codegenProgram } from '@dtlto/native'
import { Certificates, whyNoCertificates } from '../../packages/distributor-reapi/src/testing/certificates.js'
import { FakeEngine } from '../../packages/distributor-reapi/src/testing/fake-engine.js'
import { DistccLink, type TimedRun } from './distcc-link.js'

describe('a link over an engine with TLS', { skip: whyNoCertificates() ?? false }, () => {
  let program: DistccLink
  let certificates: Certificates
  let engine: FakeEngine
  const startAs = (name: string): Promise<FakeEngine> => {
    const read = (file: string): Buffer => certificates.read(file)
    return FakeEngine.start({}, { ca: read('ca.pem'), key: read(`${name}.key`), certificate: read(`${name}.pem`) })
  }
  before(async () => {
    program = new DistccLink(2, 1)
    certificates = new Certificates(program.directory)
    certificates.authority('other')
    certificates.sign('server')
    certificates.sign('client')
    certificates.sign('elsewhere', { names: 'DNS:localhost,IP:127.0.0.2' })
    certificates.sign('expired', { isExpired: true })
    engine = await startAs('server')
  })
  after(() => {
    engine.stop()
    program.remove()
  })
  const link = (more: string, at = engine): Promise<TimedRun> => {
    const compiler = `toolchain=image,image_compiler=${codegenProgram()}`
    return program.start([
      `--distribute=reapi,remote_executor=${at.address},${compiler}${more}`,
      '--distribute-fallback=none',
    ])
  }
  const CLIENT = ',tls_client_certificate=client.pem,tls_client_key=client.key'

  test('has the bytes of stock lld when each side shows a certificate that the other knows', async () => {
    const { exitCode, stdout, stderr } = await link(`,tls_certificate=ca.pem${CLIENT}`)
    assert.deepEqual({ exitCode, stdout, stderr }, { exitCode: 0, stdout: '', stderr: '' })
    assert.ok(program.isIdentical())
  })

  const refused: Readonly<Record<string, { options: string; message: RegExp }>> = {
    "the server's certificate is of an unknown authority": { options: CLIENT, message: /certificate.*tls_/s },
    "the server's certificate is of another authority": {
      options: `,tls_certificate=other.pem${CLIENT}`,
      message: /certificate.*tls_/s,
    },
    'the client has none': { options: ',tls_certificate=ca.pem', message: /UNAVAILABLE|certificate/ },
    "the client's has expired": {
      options: ',tls_certificate=ca.pem,tls_client_certificate=expired.pem,tls_client_key=expired.key',
      message: /UNAVAILABLE|certificate/,
    },
    'a file is not there': {
      options: ',tls_certificate=none.pem',
      message: /tls_certificate: 'none.pem' cannot be read: ENOENT/,
    },
    'a key is given without its certificate': { options: ',tls_client_key=client.key', message: /are a pair/ },
    'a file is no certificate': { options: ',tls_certificate=ca.key', message: /tls_/ },
  }
  for (const [name, { options, message }] of Object.entries(refused)) {
    test(`fails and says why when ${name}`, async () => {
      const { exitCode, stderr } = await link(options)
      assert.notEqual(exitCode, 0)
      assert.match(stderr, message)
    })
  }

  const servers: Readonly<Record<string, { certificate: string; message: RegExp }>> = {
    'is for another address': { certificate: 'elsewhere', message: /certificate's altnames|altnames.*tls_/s },
    'has expired': { certificate: 'expired', message: /certificate has expired.*tls_/s },
  }
  for (const [name, { certificate, message }] of Object.entries(servers)) {
    test(`fails and says why when the server's certificate ${name}`, async () => {
      const other = await startAs(certificate)
      try {
        const { exitCode, stderr } = await link(`,tls_certificate=ca.pem${CLIENT}`, other)
        assert.notEqual(exitCode, 0)
        assert.match(stderr, message)
      } finally {
        other.stop()
      }
    })
  }
})
