// The control server: how a test stops and starts parts of the network, makes
// accounts and reads mail. Loopback only, no authentication, JSON both ways.
import http from 'node:http'

const HOST = '127.0.0.1'
const BODY_BYTES_MAX = 1 << 20

class Refusal extends Error {
  constructor(status, message) {
    super(message)
    this.status = status
  }
}

async function readJson(req) {
  const chunks = []
  let bytes = 0
  for await (const chunk of req) {
    bytes += chunk.length
    if (bytes > BODY_BYTES_MAX) throw new Refusal(413, `a body is at most ${BODY_BYTES_MAX} bytes`)
    chunks.push(chunk)
  }
  if (!bytes) return {}
  try {
    return JSON.parse(Buffer.concat(chunks).toString())
  } catch {
    throw new Refusal(400, 'the body is not JSON')
  }
}

// The `n`th PDS, or a refusal that says how many there are.
function pdsAt(network, n) {
  const pds = network.pdses[n]
  if (!pds) throw new Refusal(404, `no PDS ${n}: there are ${network.pdses.length}`)
  return pds
}

const routes = [
  ['GET', /^\/info$/, (network) => network.describe()],
  ['GET', /^\/mail$/, (network, _, { query }) => {
    const to = query.get('to')
    return network.mails.filter((mail) => !to || mail.to === to)
  }],
  ['POST', /^\/handles$/, (network, _, { body }) => {
    for (const [handle, did] of Object.entries(body)) network.handles.set(handle, did)
    return Object.fromEntries(network.handles)
  }],
  ['POST', /^\/plc\/(start|stop)$/, async (network, [verb]) => {
    await network.plc[verb]()
    return network.plc.describe()
  }],
  ['POST', /^\/pds\/(\d+)\/(start|stop|kill)$/, async (network, [n, verb]) => {
    const pds = pdsAt(network, n)
    await pds[verb]()
    return pds.describe()
  }],
  ['POST', /^\/pds\/(\d+)\/accounts$/, (network, [n], { body }) => network.createAccount(pdsAt(network, n), body.name)],
]

async function answer(network, req) {
  const { pathname, searchParams } = new URL(req.url, 'http://control.test')
  const here = routes.filter(([, path]) => path.test(pathname))
  if (!here.length) throw new Refusal(404, `no such path: ${pathname}`)
  const route = here.find(([method]) => method === req.method)
  if (!route) throw new Refusal(405, `${pathname} is for ${here.map(([method]) => method).join(', ')}`)
  const [, path, act] = route
  const body = req.method === 'POST' ? await readJson(req) : undefined
  return act(network, pathname.match(path).slice(1), { query: searchParams, body })
}

export function startControl(port, network) {
  const server = http.createServer(async (req, res) => {
    const reply = (status, body) => {
      res.writeHead(status, { 'content-type': 'application/json' })
      res.end(JSON.stringify(body) + '\n')
    }
    try {
      reply(200, await answer(network, req))
    } catch (err) {
      reply(err.status ?? 500, { error: err.message ?? String(err) })
    }
  })
  return new Promise((ok, fail) => server.on('error', fail).listen(port, HOST, () => ok(server)))
}
