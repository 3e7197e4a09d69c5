// One reference PDS, configured for life on loopback: plain http, no DNS, no
// mail, no address but 127.0.0.1, and its own DID. What its settings mean is
// left to @atproto/pds; what of them is needed here, and why, is in README.md.
import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { PDS, envToCfg, envToSecrets } from '@atproto/pds'
import { XrpcError, call, login } from './xrpc.mjs'

const HOST = '127.0.0.1'
const MAILS_KEPT = 1000

export const newSecrets = () => ({
  jwtSecret: randomBytes(16).toString('hex'),
  dpopSecret: randomBytes(32).toString('hex'),
  adminPassword: randomBytes(12).toString('hex'),
  plcRotationKeyK256PrivateKeyHex: randomBytes(32).toString('hex'),
})

export class Pds {
  sockets = new Set()
  turn = Promise.resolve()

  // `network` gives `plcUrl`, `resolveHandle` and `mails`, which PDSes share.
  constructor({ index, port, dir, secrets, flags, network }) {
    Object.assign(this, { index, port, dir, secrets, flags, network })
    this.url = `http://localhost:${port}`
    this.did = `did:web:localhost%3A${port}`
    this.handleDomain = `.pds${index}.test`
  }

  settings() {
    const { flags } = this
    const [appviewUrl, appviewDid] = flags.appview?.split(',') ?? []
    return {
      port: this.port,
      hostname: 'localhost', // gives the public URL http://localhost:<port>
      serviceDid: this.did, // else every PDS is did:web:localhost and migration audiences collide
      serviceHandleDomains: [this.handleDomain],
      dataDirectory: this.dir,
      blobstoreDiskLocation: join(this.dir, 'blobs'),
      blobstoreDiskTmpLocation: join(this.dir, 'blobs-tmp'),
      didPlcUrl: this.network.plcUrl, // a name, not an address: the PDS refuses literal addresses here
      devMode: true, // without it the PDS insists on https
      disableSsrfProtection: !flags.ssrf,
      inviteRequired: flags.invites,
      rateLimitsEnabled: flags['rate-limits'],
      bskyAppViewUrl: appviewUrl,
      bskyAppViewDid: appviewDid,
      crawlers: flags.crawlers?.split(','),
      maxImportSize: 1 << 30,
      blobUploadLimit: 50 << 20,
      didCacheStaleTTL: 1000, // tests change DID documents and must not be told old ones
      didCacheMaxTTL: 2000,
      ...this.secrets,
    }
  }

  // Starting and stopping take turns, so that neither meets a half-done other.
  start() { return this.next(() => this.startNow()) }
  stop() { return this.next(() => this.stopNow()) }

  // As when the machine dies: peers see a reset connection, not a goodbye.
  kill() {
    return this.next(() => {
      for (const socket of this.sockets) socket.resetAndDestroy()
      return this.stopNow()
    })
  }

  next(step) {
    const done = this.turn.then(step)
    this.turn = done.catch(() => {})
    return done
  }

  async startNow() {
    if (this.pds) return
    await mkdir(this.dir, { recursive: true })
    const pds = await PDS.create(envToCfg(this.settings()), envToSecrets(this.settings()))
    const { app, ctx } = pds
    // The PDS would listen on every interface.
    const listen = app.listen
    app.listen = (port, ...rest) => listen.call(app, port, HOST, ...rest)
    ctx.idResolver.handle.resolve = (handle) => this.network.resolveHandle(handle)
    ctx.mailer.transporter.sendMail = async (mail) => { this.keep(mail); return {} }
    const server = await pds.start()
    server.on('connection', (socket) => {
      this.sockets.add(socket)
      socket.on('close', () => this.sockets.delete(socket))
    })
    this.pds = pds
  }

  async stopNow() {
    const { pds } = this
    this.pds = undefined
    await pds?.destroy()
  }

  keep(mail) {
    const text = mail.html
      .replace(/<style[\s\S]*?<\/style>/g, '').replace(/<[^>]+>/g, ' ')
      .replace(/[\u034f\u200b-\u200f\ufeff]/g, '') // invisible filler before the text
      .replace(/\s+/g, ' ').trim()
    const token = text.match(/\b[A-Z2-7]{5}-[A-Z2-7]{5}\b/)?.[0]
    this.network.mails.push({ pds: this.index, to: mail.to, subject: mail.subject, token, text })
    if (this.network.mails.length > MAILS_KEPT) this.network.mails.shift()
  }

  async didOf(handle) {
    return (await this.pds?.ctx.accountManager.getAccount(handle))?.did
  }

  emailOf(name) {
    return `${name}@pds${this.index}.test`
  }

  async createAccount(name) {
    const account = {
      handle: name + this.handleDomain,
      email: this.emailOf(name),
      password: `pw-${name}`,
    }
    const body = { ...account }
    if (this.flags.invites) {
      const authorization = 'Basic ' + Buffer.from(`admin:${this.secrets.adminPassword}`).toString('base64')
      const invite = { headers: { authorization }, body: { useCount: 1 } }
      body.inviteCode = (await call(this.url, 'com.atproto.server.createInviteCode', invite)).code
    }
    const { did, accessJwt, refreshJwt } = await call(this.url, 'com.atproto.server.createAccount', { body })
    return { pds: this.index, did, ...account, accessJwt, refreshJwt }
  }

  // Tokens from before a restart of the network may have run out. An account
  // that was deleted or taken down meanwhile keeps the ones it had.
  async loginAgain(account) {
    try {
      const { accessJwt, refreshJwt } = await login(this.url, account)
      return { ...account, accessJwt, refreshJwt }
    } catch (err) {
      if (err instanceof XrpcError) return account
      throw err
    }
  }

  describe() {
    const { index, url, port, did, handleDomain, dir } = this
    const { adminPassword } = this.secrets
    return { index, url, port, did, handleDomain, adminPassword, dataDir: dir, running: !!this.pds }
  }
}
