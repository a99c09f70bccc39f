/** TLS with a certificate on both sides, as companies have it, by an engine of our own: buildbox-casd has none. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { codegenProgram } from '@dtlto/native'
import { FakeEngine } from '../../packages/distributor-reapi/src/testing/fake-engine.js'
import { must, run } from '../link/toolchain.js'
import { DistccLink, type TimedRun } from './distcc-link.js'

const hasOpenssl = run('sh', ['-c', 'command -v openssl'], { cwd: '/' }).exitCode === 0

describe('a link over an engine with TLS', { skip: hasOpenssl ? false : 'openssl is not installed' }, () => {
  let program: DistccLink
  let engine: FakeEngine
  before(async () => {
    program = new DistccLink(2, 1)
    const cwd = program.directory
    const openssl = (...args: string[]): string => must('openssl', args, { cwd })
    for (const name of ['ca', 'other', 'server', 'client', 'elsewhere'])
      openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', `${name}.key`)
    for (const name of ['ca', 'other'])
      openssl(
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
    writeFileSync(join(cwd, 'names'), 'subjectAltName=IP:127.0.0.1')
    writeFileSync(join(cwd, 'others-names'), 'subjectAltName=DNS:localhost,IP:127.0.0.2')
    for (const name of ['server', 'client', 'elsewhere']) {
      const names = name === 'elsewhere' ? 'others-names' : 'names'
      openssl('req', '-new', '-key', `${name}.key`, '-subj', `/CN=${name}`, '-out', `${name}.csr`)
      const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', names]
      openssl('x509', '-req', '-in', `${name}.csr`, ...signed, '-out', `${name}.pem`)
    }
    const read = (name: string): Buffer => readFileSync(join(cwd, name))
    engine = await FakeEngine.start(
      {},
      { ca: read('ca.pem'), key: read('server.key'), certificate: read('server.pem') },
    )
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

  test("fails and says why when the server's certificate is for another address", async () => {
    const read = (name: string): Buffer => readFileSync(join(program.directory, name))
    const tls = { ca: read('ca.pem'), key: read('elsewhere.key'), certificate: read('elsewhere.pem') }
    const elsewhere = await FakeEngine.start({}, tls)
    try {
      const { exitCode, stderr } = await link(`,tls_certificate=ca.pem${CLIENT}`, elsewhere)
      assert.notEqual(exitCode, 0)
      assert.match(stderr, /certificate's altnames|altnames.*tls_/s)
    } finally {
      elsewhere.stop()
    }
  })
})
