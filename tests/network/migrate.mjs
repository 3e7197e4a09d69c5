// Moves an account from one PDS to another, the way a client would.
//   node migrate.mjs <net.json> <did> <fromIndex> <toIndex> <newHandle>
// Needs the control server of net.mjs for the token that the old PDS mails.
import { readFileSync } from 'node:fs'
import { call, login } from './xrpc.mjs'

export async function migrate(net, account, from, to, handle) {
  const [A, B] = [net.pds[from], net.pds[to]]
  const { did, email, password } = account
  const steps = {}
  const step = async (name, p) => {
    const t = performance.now()
    const r = await p
    steps[name] = Math.round(performance.now() - t)
    return r
  }
  const { accessJwt: oldToken } = await login(A.url, account)
  const { token: proof } = await call(A.url, 'com.atproto.server.getServiceAuth', {
    token: oldToken, params: { aud: B.did, lxm: 'com.atproto.server.createAccount' },
  })
  const { accessJwt: newToken } = await step('createAccount', call(B.url, 'com.atproto.server.createAccount', {
    token: proof, body: { did, handle, email, password },
  }))
  const car = (await step('getRepo', call(A.url, 'com.atproto.sync.getRepo', { params: { did }, raw: true }))).bytes
  await step('importRepo', call(B.url, 'com.atproto.repo.importRepo', { token: newToken, body: car, type: 'application/vnd.ipld.car' }))
  let blobs = 0
  for (let cursor; ;) {
    const page = await call(B.url, 'com.atproto.repo.listMissingBlobs', { token: newToken, params: { cursor } })
    for (const { cid } of page.blobs) {
      const { res, bytes } = await call(A.url, 'com.atproto.sync.getBlob', { params: { did, cid }, raw: true })
      await call(B.url, 'com.atproto.repo.uploadBlob', { token: newToken, body: bytes, type: res.headers.get('content-type') })
      blobs++
    }
    if (!(cursor = page.cursor)) break
  }
  const before = await call(B.url, 'com.atproto.server.checkAccountStatus', { token: newToken })
  await call(A.url, 'com.atproto.identity.requestPlcOperationSignature', { token: oldToken, body: null, method: 'POST' })
  const mails = await (await fetch(`${net.control}/mail?to=${encodeURIComponent(email)}`)).json()
  const credentials = await call(B.url, 'com.atproto.identity.getRecommendedDidCredentials', { token: newToken })
  const { operation } = await call(A.url, 'com.atproto.identity.signPlcOperation', {
    token: oldToken, body: { token: mails.findLast((m) => m.pds === from && m.token).token, ...credentials },
  })
  await step('submitPlcOperation', call(B.url, 'com.atproto.identity.submitPlcOperation', { token: newToken, body: { operation } }))
  await step('activate', call(B.url, 'com.atproto.server.activateAccount', { token: newToken, body: null, method: 'POST' }))
  await step('deactivate', call(A.url, 'com.atproto.server.deactivateAccount', { token: oldToken, body: {} }))
  const after = await call(B.url, 'com.atproto.server.checkAccountStatus', { token: newToken })
  return { carBytes: car.length, blobs, steps, before, after }
}

if (import.meta.filename === process.argv[1]) {
  const [file, did, from, to, handle] = process.argv.slice(2)
  const net = JSON.parse(readFileSync(file))
  console.log(JSON.stringify(await migrate(net, net.accounts.find((a) => a.did === did), +from, +to, handle)))
}
