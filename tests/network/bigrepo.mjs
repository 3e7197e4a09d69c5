// Gives an account a large repo quickly: builds a CAR here and imports it, then
// writes one record so that the head commit is signed with the account's own key
// (importRepo checks no signature and re-signs nothing).
//   node bigrepo.mjs <net.json> <accountIndex> <count> [collection] [textBytes]
// The firehose says nothing about an import. Use a fresh account: the imported
// repo replaces what was there.
import { readFileSync } from 'node:fs'
import { Secp256k1Keypair } from '@atproto/crypto'
import { MemoryBlockstore, Repo, WriteOpAction, blocksToCarFile } from '@atproto/repo'
import { call } from './xrpc.mjs'

const DIGITS = '234567abcdefghijklmnopqrstuvwxyz'
const tid = (n) => {
  let s = ''
  for (let v = BigInt(n) << 10n; s.length < 13; v >>= 5n) s = DIGITS[Number(v & 31n)] + s
  return s
}

export async function buildCar(did, count, { collection = 'app.bsky.feed.post', bytes = 100 } = {}) {
  const base = 1700000000000000
  const writes = Array.from({ length: count }, (_, i) => ({
    action: WriteOpAction.Create,
    collection,
    rkey: tid(base + i * 1000),
    record: {
      $type: collection,
      text: `${i} `.padEnd(bytes, 'x'),
      createdAt: new Date((base + i * 1000) / 1000).toISOString(),
    },
  }))
  const key = await Secp256k1Keypair.create()
  const commit = await Repo.formatInitCommit(new MemoryBlockstore(), did, key, writes)
  return blocksToCarFile(commit.cid, commit.newBlocks)
}

export async function fill(pds, { did, accessJwt: token }, count, options = {}) {
  const t = [performance.now()]
  const lap = () => Math.round(-t.at(-1) + t[t.push(performance.now()) - 1])
  const car = await buildCar(did, count, options)
  const buildMs = lap()
  await call(pds, 'com.atproto.repo.importRepo', { token, body: car, type: 'application/vnd.ipld.car' })
  const importMs = lap()
  const collection = options.collection ?? 'app.bsky.feed.post'
  const record = { $type: collection, text: 'last', createdAt: new Date().toISOString() }
  const { commit } = await call(pds, 'com.atproto.repo.createRecord', { token, body: { repo: did, collection, record } })
  return { count: count + 1, carBytes: car.length, buildMs, importMs, commit }
}

if (import.meta.filename === process.argv[1]) {
  const [file, index, count, collection, bytes] = process.argv.slice(2)
  const net = JSON.parse(readFileSync(file))
  const account = net.accounts[index]
  console.log(JSON.stringify(await fill(net.pds[account.pds].url, account, +count, { collection, bytes: bytes && +bytes })))
}
