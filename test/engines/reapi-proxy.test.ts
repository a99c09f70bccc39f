/** An engine that is reached through a proxy only, as in many companies: its name means nothing on this machine, only to the proxy. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { codegenProgram } from '@dtlto/native'
import { Certificates, whyNoCertificates } from '../../packages/distributor-reapi/src/testing/certificates.js'
import { FakeEngine } from '../../packages/distributor-reapi/src/testing/fake-engine.js'
import { DistccLink, type TimedRun } from './distcc-link.js'

/** Of names that never are in DNS (RFC 2606). */
const ENGINE = 'engine.example.invalid'
const PASSWORD = 'pass-of-the-proxy'

/** HTTP's CONNECT, with a password. */
class Proxy {
  readonly #server: Server = createServer()
  /** HOST:PORT of each tunnel that was asked for. */
  readonly asked: string[] = []

  /** `target`: where everything goes. */
  static async start(target: { readonly port: number }): Promise<Proxy> {
    const proxy = new Proxy()
    proxy.#server.on('connect', ({ url, headers }, socket) => {
      proxy.asked.push(String(url))
      socket.on('error', () => socket.destroy())
      const login = Buffer.from(`user:${PASSWORD}`).toString('base64')
      if (headers['proxy-authorization'] !== `Basic ${login}`) {
        socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
        return
      }
      const beyond = connect(target.port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n')
        socket.pipe(beyond).pipe(socket)
      })
      beyond.on('error', () => socket.destroy())
    })
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  url(password: string): string {
    return `http://user:${password}@127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  stop(): void {
    this.#server.close()
  }
}

describe('a link over an engine behind a proxy', { skip: whyNoCertificates() ?? false }, () => {
  let program: DistccLink
  let certificates: Certificates
  let engine: FakeEngine
  let proxy: Proxy
  before(() => {
    program = new DistccLink(2, 1)
    certificates = new Certificates(program.directory)
    certificates.sign('server', { names: `DNS:${ENGINE}` })
    certificates.sign('client')
  })
  beforeEach(async () => {
    const read = (file: string): Buffer => certificates.read(file)
    engine = await FakeEngine.start(
      {},
      { ca: read('ca.pem'), key: read('server.key'), certificate: read('server.pem') },
    )
    proxy = await Proxy.start({ port: port() })
  })
  afterEach(() => {
    proxy.stop()
    engine.stop()
  })
  after(() => program.remove())

  const port = (): number => Number(new URL(engine.address).port)
  const link = (environment: NodeJS.ProcessEnv): Promise<TimedRun> => {
    const compiler = `toolchain=image,image_compiler=${codegenProgram()}`
    const tls = 'tls_certificate=ca.pem,tls_client_certificate=client.pem,tls_client_key=client.key'
    const options = [
      `--distribute=reapi,remote_executor=grpcs://${ENGINE}:${port()},${tls},${compiler}`,
      '--distribute-fallback=none',
    ]
    // Those of this machine, if it has a proxy, are not meant.
    const none = Object.fromEntries(VARIABLES.map((name) => [name, undefined]))
    return program.start(options, { ...process.env, ...none, ...environment })
  }
  const VARIABLES = ['grpc_proxy', 'https_proxy', 'http_proxy', 'no_grpc_proxy', 'no_proxy']

  for (const variable of VARIABLES.slice(0, 3)) {
    test(`has the bytes of stock lld where ${variable} is set, and the engine's certificate is checked`, async () => {
      const { exitCode, stdout, stderr } = await link({ [variable]: proxy.url(PASSWORD) })
      assert.deepEqual({ exitCode, stdout, stderr }, { exitCode: 0, stdout: '', stderr: '' })
      assert.ok(program.isIdentical())
      assert.ok(engine.count('Execute') >= 3)
      assert.deepEqual(new Set(proxy.asked), new Set([`${ENGINE}:${port()}`]))
    })
  }

  test('fails and names the variable, and not the password, where the proxy refuses', async () => {
    const { exitCode, stderr } = await link({ https_proxy: proxy.url('wrong-password') })
    assert.notEqual(exitCode, 0)
    assert.match(stderr, /is it the proxy of the variable https_proxy\?/)
    assert.doesNotMatch(stderr, /wrong-password/)
    assert.equal(engine.count('Execute'), 0)
  })

  test('asks no proxy for a server that no_proxy names', async () => {
    const { exitCode, stderr } = await link({ https_proxy: proxy.url(PASSWORD), no_proxy: ENGINE })
    assert.notEqual(exitCode, 0, 'the name means something on this machine')
    assert.match(stderr, new RegExp(ENGINE))
    assert.deepEqual(proxy.asked, [])
  })
})
