// A PLC directory on loopback, over the routes and rules of @did-plc/server.
//
// The package's own in-memory database forgets everything and does not export.
// This one appends every operation to a file before it is acknowledged, so a
// network started again on the same directory knows its DIDs. Rules about what
// operation may follow what are left to @did-plc/lib.
import { appendFile, readFile, truncate } from 'node:fs/promises'
import http from 'node:http'
import plcLib from '@did-plc/lib'
import plcServer from '@did-plc/server'

const HOST = '127.0.0.1'
const EXPORT_ROWS_MAX = 1000

class Directory {
  ops = [] // in the order they were accepted
  byDid = new Map()
  turn = Promise.resolve()
  lastCreatedAt = 0

  static async open(file) {
    const directory = new Directory()
    directory.file = file
    const text = await readFile(file, 'utf8').catch((err) => {
      if (err.code === 'ENOENT') return ''
      throw err
    })
    // A process killed while it appended leaves a line without its end.
    const whole = text.slice(0, text.lastIndexOf('\n') + 1)
    if (whole.length < text.length) await truncate(file, Buffer.byteLength(whole))
    for (const line of whole.split('\n').filter(Boolean)) {
      const { did, operation, createdAt } = JSON.parse(line)
      directory.apply(await directory.judge(did, operation, new Date(createdAt)))
    }
    return directory
  }

  live(did) {
    return (this.byDid.get(did) ?? []).filter((op) => !op.nullified)
  }

  // Throws when the operation may not come next.
  async judge(did, operation, createdAt) {
    const { nullified } = await plcLib.assureValidNextOp(did, this.live(did), operation)
    const { cid } = await plcLib.getLastOpWithCid([operation])
    return { op: { did, operation, cid, nullified: false, createdAt }, nullified }
  }

  apply({ op, nullified }) {
    for (const other of this.live(op.did))
      if (nullified.some((cid) => cid.equals(other.cid))) other.nullified = true
    this.byDid.set(op.did, [...(this.byDid.get(op.did) ?? []), op])
    this.ops.push(op)
    this.lastCreatedAt = op.createdAt.getTime()
  }

  // From here on: what the server package asks of its database.

  // One at a time: two operations on one `prev` must not both be accepted. No
  // two share a `createdAt`, because that is what pages of the export go by.
  validateAndAddOp(did, operation) {
    const accept = async () => {
      const createdAt = new Date(Math.max(Date.now(), this.lastCreatedAt + 1))
      const judged = await this.judge(did, operation, createdAt)
      await appendFile(this.file, JSON.stringify({ did, operation, createdAt }) + '\n')
      this.apply(judged)
    }
    const done = this.turn.then(accept)
    this.turn = done.catch(() => {})
    return done
  }

  async indexedOpsForDid(did, includeNullified = false) {
    return includeNullified ? (this.byDid.get(did) ?? []) : this.live(did)
  }

  async opsForDid(did) {
    return this.live(did).map(({ operation }) =>
      operation.type === 'create' ? plcLib.normalizeOp(operation) : operation)
  }

  async lastOpForDid(did) {
    return (await this.opsForDid(did)).at(-1) ?? null
  }

  async exportOps(count, after) {
    return this.ops
      .filter((op) => !after || op.createdAt > after)
      .slice(0, count)
      .map((op) => ({ ...op, cid: op.cid.toString(), createdAt: op.createdAt.toISOString() }))
  }

  async healthCheck() {}
  async close() {}
}

// The package still answers with the 2023 form of DID documents: relative ids,
// uncompressed EcdsaSecp256k1VerificationKey2019 keys. The live directory has
// moved to Multikey since; answer as it does.
const multikeyDocument = (did, { alsoKnownAs, verificationMethods, services }) => ({
  '@context': [
    'https://www.w3.org/ns/did/v1',
    'https://w3id.org/security/multikey/v1',
    'https://w3id.org/security/suites/secp256k1-2019/v1',
  ],
  id: did,
  alsoKnownAs,
  verificationMethod: Object.entries(verificationMethods).map(([id, key]) => ({
    id: `${did}#${id}`,
    type: 'Multikey',
    controller: did,
    publicKeyMultibase: key.replace(/^did:key:/, ''),
  })),
  service: Object.entries(services).map(([id, { type, endpoint }]) => ({
    id: `#${id}`, type, serviceEndpoint: endpoint,
  })),
})

export class Plc {
  constructor(directory, port, legacyDocuments) {
    Object.assign(this, { directory, port, legacyDocuments })
    this.url = `http://localhost:${port}`
  }

  static async open({ file, port, legacyDocuments }) {
    return new Plc(await Directory.open(file), port, legacyDocuments)
  }

  async start() {
    if (this.server) return
    const server = plcServer.PlcServer.create({ db: this.directory, port: this.port })
    const { app } = server
    // The package would listen on every interface.
    app.listen = (port) => http
      .createServer(async (req, res) => { if (!(await this.answer(req, res))) app(req, res) })
      .listen(port, HOST)
    await server.start()
    this.server = server
  }

  // True when the answer was given here and not left to the package.
  async answer(req, res) {
    if (req.method !== 'GET') return false
    const { pathname, searchParams } = new URL(req.url, 'http://plc.test')
    // The package reads `count` from the wrong place and always takes 1000.
    if (pathname === '/export' && searchParams.has('count')) {
      await this.answerExport(res, Number(searchParams.get('count')), searchParams.get('after'))
      return true
    }
    const did = pathname.match(/^\/(did:plc:[a-z2-7]{24})$/)?.[1]
    if (!did || this.legacyDocuments) return false
    const op = await this.directory.lastOpForDid(did)
    if (op?.type !== 'plc_operation') return false // unknown and tombstoned DIDs
    res.writeHead(200, { 'content-type': 'application/did+ld+json; charset=utf-8' })
    res.end(JSON.stringify(multikeyDocument(did, op)))
    return true
  }

  async answerExport(res, count, after) {
    if (!Number.isInteger(count) || count < 1) {
      res.writeHead(400, { 'content-type': 'application/json' })
      return res.end(JSON.stringify({ message: 'Invalid count parameter' }))
    }
    const ops = await this.directory.exportOps(Math.min(count, EXPORT_ROWS_MAX), after ? new Date(after) : undefined)
    res.writeHead(200, { 'content-type': 'application/jsonlines' })
    res.end(ops.map((op) => JSON.stringify(op)).join('\n'))
  }

  async stop() {
    const { server } = this
    this.server = undefined
    await server?.destroy()
  }

  describe() {
    return { url: this.url, port: this.port, running: !!this.server }
  }
}
