// A plain-http service to proxy to. Serves /.well-known/did.json for
// did:web:localhost%3A<port> and answers every XRPC call by describing it.
//   node echo.mjs [port]        prints {url, did} then one JSON line per request
// Query parameters shape the answer: status, type, body, size, delay (ms), header=name:value
import http from 'node:http'
import { decodeJwt, sleep } from './xrpc.mjs'

const port = Number(process.argv[2] ?? 0)
const server = http.createServer(async (req, res) => {
  const here = server.address().port
  const did = `did:web:localhost%3A${here}`
  const url = new URL(req.url, 'http://x')
  if (url.pathname === '/.well-known/did.json') {
    console.log(JSON.stringify({ didDoc: true, headers: req.headers }))
    const service = (id, serviceEndpoint) => ({ id, type: 'ExampleService', serviceEndpoint })
    res.setHeader('content-type', 'application/json')
    return res.end(JSON.stringify({
      '@context': ['https://www.w3.org/ns/did/v1'],
      id: did,
      service: [
        service('#ext', `http://127.0.0.1:${here}`),
        service(`${did}#full`, `http://localhost:${here}`),
        service('#path', `http://127.0.0.1:${here}/sub/path`),
        service('#dead', 'http://127.0.0.1:1'),
        service('#ftp', 'ftp://127.0.0.1/'),
      ],
    }))
  }
  const chunks = await Array.fromAsync(req)
  const body = Buffer.concat(chunks)
  const auth = req.headers.authorization
  const seen = {
    method: req.method, url: req.url, headers: req.headers,
    bodyLength: body.length, bodyStart: body.toString('latin1').slice(0, 200),
    jwt: auth?.startsWith('Bearer ') ? decodeJwt(auth.slice(7)) : undefined,
  }
  console.log(JSON.stringify(seen))
  const q = url.searchParams
  if (q.has('delay')) await sleep(Number(q.get('delay')))
  res.statusCode = Number(q.get('status') ?? 200)
  res.setHeader('content-type', q.get('type') ?? 'application/json')
  for (const h of q.getAll('header')) { const [k, ...v] = h.split(':'); res.setHeader(k, v.join(':')) }
  if (q.has('size')) {
    const block = Buffer.alloc(65536, 'x')
    for (let left = Number(q.get('size')); left > 0; left -= block.length) res.write(block.subarray(0, Math.min(left, block.length)))
    return res.end()
  }
  res.end(q.get('body') ?? JSON.stringify(seen))
})
server.listen(port, '127.0.0.1', () => {
  const p = server.address().port
  console.log(JSON.stringify({ url: `http://localhost:${p}`, did: `did:web:localhost%3A${p}` }))
})
