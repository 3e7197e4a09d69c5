// XRPC calls as the scripts here make them, and what goes into them. Needs no package.
export const sleep = (ms) => new Promise((ok) => setTimeout(ok, ms))

export class XrpcError extends Error {
  constructor(nsid, status, body, headers) {
    super(`${nsid}: ${status} ${typeof body === 'string' ? body : JSON.stringify(body)}`)
    Object.assign(this, { nsid, status, body, headers })
  }
}

// call(base, nsid, {params, body, type, token, headers, raw}); GET without body.
export async function call(base, nsid, o = {}) {
  const url = new URL(`/xrpc/${nsid}`, base)
  for (const [k, v] of Object.entries(o.params ?? {})) if (v !== undefined) url.searchParams.append(k, v)
  const headers = { ...o.headers }
  if (o.token) headers.authorization = `Bearer ${o.token}`
  let body = o.body
  const method = o.method ?? (body === undefined ? 'GET' : 'POST')
  if (body instanceof Uint8Array) headers['content-type'] = o.type ?? 'application/octet-stream'
  else if (body !== undefined && body !== null) {
    headers['content-type'] = 'application/json'
    body = JSON.stringify(body)
  }
  const res = await fetch(url, { method, headers, body })
  if (o.raw && res.ok) return { res, bytes: new Uint8Array(await res.arrayBuffer()) }
  const text = await res.text()
  let parsed = text
  try { parsed = JSON.parse(text) } catch {}
  if (!res.ok) throw new XrpcError(nsid, res.status, parsed, Object.fromEntries(res.headers))
  return parsed
}

export const decodeJwt = (jwt) => jwt.split('.').slice(0, 2).map((p) => JSON.parse(Buffer.from(p, 'base64url')))

export const post = (text) => ({ $type: 'app.bsky.feed.post', text, createdAt: new Date().toISOString() })

export const login = (pds, account) =>
  call(pds, 'com.atproto.server.createSession', { body: { identifier: account.did ?? account.handle, password: account.password } })
