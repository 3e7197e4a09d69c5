// Fills an account with records and times it.
//   node load.mjs <net.json> <accountIndex> <count> [--batch N (1 = createRecord, else applyWrites, max 200)]
//                 [--parallel N] [--collection NSID] [--bytes N (text length)]
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { call, post } from './xrpc.mjs'

export async function load(pds, { did, accessJwt: token }, count, { batch = 1, parallel = 1, collection = 'app.bsky.feed.post', bytes = 100 } = {}) {
  const text = 'x'.repeat(Math.min(bytes, collection === 'app.bsky.feed.post' ? 300 : bytes))
  let next = 0
  const worker = async () => {
    while (next < count) {
      const n = Math.min(batch, count - next)
      const first = next
      next += n
      const records = Array.from({ length: n }, (_, i) => ({ ...post(`${first + i} ${text}`.slice(0, text.length)), $type: collection }))
      if (batch === 1) await call(pds, 'com.atproto.repo.createRecord', { token, body: { repo: did, collection, record: records[0] } })
      else await call(pds, 'com.atproto.repo.applyWrites', {
        token, body: { repo: did, writes: records.map((value) => ({ $type: 'com.atproto.repo.applyWrites#create', collection, value })) },
      })
    }
  }
  const t = performance.now()
  await Promise.all(Array.from({ length: parallel }, worker))
  const ms = performance.now() - t
  return { count, batch, parallel, ms: Math.round(ms), perSecond: Math.round(count / ms * 1000) }
}

if (import.meta.filename === process.argv[1]) {
  const { values: o, positionals: [file, index, count] } = parseArgs({
    allowPositionals: true,
    options: { batch: { type: 'string' }, parallel: { type: 'string' }, collection: { type: 'string' }, bytes: { type: 'string' } },
  })
  const net = JSON.parse(readFileSync(file))
  const account = net.accounts[index]
  const num = (v) => v && Number(v)
  console.log(JSON.stringify(await load(net.pds[account.pds].url, account, Number(count), {
    batch: num(o.batch), parallel: num(o.parallel), collection: o.collection, bytes: num(o.bytes),
  })))
}
