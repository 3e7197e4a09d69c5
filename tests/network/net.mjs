// A real atproto network on loopback: a PLC directory and N reference PDSes.
// Prints one line of JSON describing it and runs until SIGINT or SIGTERM, or,
// with --stdin, until its stdin closes, so that it dies with whoever holds the
// other end. README.md has the control server's routes and what was learnt.
//
//   node_modules/.bin/node net.mjs [options]
//     --pds N | --pds-ports P,P   how many PDSes / on which ports (default 1, free ports)
//     --plc-port P                PLC directory port (default: free port)
//     --control-port P            control server port (default: free port)
//     --accounts N                N accounts on each PDS (default 0)
//     --data DIR                  keep everything here and take it up again when
//                                 started on it once more (default: temporary, removed on exit)
//     --appview URL,DID           default upstream for app.bsky.* and unknown NSIDs
//     --crawlers URL,URL          services the PDSes send requestCrawl to
//     --ssrf                      keep the PDSes' production SSRF protection on
//     --rate-limits               turn the PDSes' rate limits on
//     --invites                   require invite codes
//     --legacy-did-docs           DID documents in the form the PLC package itself gives
//     --stdin                     exit when stdin closes
import { randomInt } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

const NODE_MAJOR_MIN = 22
if (parseInt(process.versions.node) < NODE_MAJOR_MIN) {
  console.error(`needs Node ${NODE_MAJOR_MIN}, this is ${process.version}: use node_modules/.bin/node`)
  process.exit(2)
}
const { Pds, newSecrets } = await import('./pds.mjs')
const { Plc } = await import('./plc.mjs')
const { startControl } = await import('./control.mjs')

const HOST = '127.0.0.1'
// Below the range from which the kernel takes the ports of outgoing
// connections: a stopped PDS must find its port free when it comes back.
const PORTS = [15000, 32000]
const PORT_ATTEMPTS = 100
const SHUTDOWN_MS_MAX = 3000

function parseFlags() {
  const text = { type: 'string' }
  const bool = { type: 'boolean', default: false }
  const { values } = parseArgs({
    options: {
      pds: text, 'pds-ports': text, 'plc-port': text, 'control-port': text,
      accounts: { type: 'string', default: '0' },
      data: text, appview: text, crawlers: text,
      ssrf: bool, 'rate-limits': bool, invites: bool, stdin: bool, 'legacy-did-docs': bool,
    },
  })
  return values
}

const isFree = (port) => new Promise((ok) => {
  const server = net.createServer().on('error', () => ok(false))
  server.listen(port, HOST, () => server.close(() => ok(true)))
})

// A PDS must know its port before it starts, because it is in its DID.
const taken = new Set()
async function freePort() {
  for (let attempt = 0; attempt < PORT_ATTEMPTS; attempt++) {
    const port = randomInt(...PORTS)
    if (taken.has(port) || !(await isFree(port))) continue
    taken.add(port)
    return port
  }
  throw new Error(`no free port found between ${PORTS.join(' and ')}`)
}

class Network {
  mails = []
  handles = new Map() // outside handles the PDSes should resolve
  pdses = []
  accounts = []
  accountsMade = 0

  constructor(flags, data) {
    Object.assign(this, { flags, data, stateFile: join(data, 'network.json') })
  }

  // Ports and secrets outlive the process with the data: DID documents name
  // the ports, and the PDSes' keys are in the DIDs' rotation keys.
  async loadState() {
    const kept = await readFile(this.stateFile, 'utf8').then(JSON.parse).catch((err) => {
      if (err.code === 'ENOENT') return undefined
      throw err
    })
    if (kept) {
      for (const flag of ['pds', 'pds-ports', 'plc-port'])
        if (this.flags[flag] !== undefined) throw new Error(`--${flag} cannot change what is in ${this.data}`)
      return kept
    }
    const { flags } = this
    const ports = flags['pds-ports']?.split(',').map(Number) ?? Array(Number(flags.pds ?? 1)).fill(0)
    const pds = []
    for (const port of ports) pds.push({ port: port || (await freePort()), secrets: newSecrets() })
    return { plcPort: Number(flags['plc-port']) || (await freePort()), pds, accounts: [], accountsMade: 0 }
  }

  async saveState() {
    const state = {
      plcPort: this.plc.port,
      pds: this.pdses.map(({ port, secrets }) => ({ port, secrets })),
      accounts: this.accounts,
      accountsMade: this.accountsMade,
    }
    await writeFile(`${this.stateFile}.new`, JSON.stringify(state))
    await rename(`${this.stateFile}.new`, this.stateFile)
  }

  async start() {
    const begin = performance.now()
    const state = await this.loadState()
    this.plc = await Plc.open({
      file: join(this.data, 'plc.jsonl'), port: state.plcPort, legacyDocuments: this.flags['legacy-did-docs'],
    })
    await this.plc.start()
    for (const [index, { port, secrets }] of state.pds.entries()) {
      const dir = join(this.data, `pds${index}`)
      const pds = new Pds({ index, port, dir, secrets, flags: this.flags, network: this })
      this.pdses.push(pds)
      await pds.start()
    }
    this.accountsMade = state.accountsMade
    for (const account of state.accounts) this.accounts.push(await this.pdses[account.pds].loginAgain(account))
    const known = new Set(this.accounts.map(({ email }) => email))
    for (const pds of this.pdses)
      for (let n = 0; n < Number(this.flags.accounts); n++)
        if (!known.has(pds.emailOf(`user${n}`))) await this.createAccount(pds, `user${n}`)
    await this.saveState()
    const controlPort = Number(this.flags['control-port']) || (await freePort())
    this.control = `http://localhost:${controlPort}`
    await startControl(controlPort, this)
    this.startMs = Math.round(performance.now() - begin)
  }

  get plcUrl() {
    return this.plc.url
  }

  // There is no DNS: the PDS that owns the domain is asked directly.
  async resolveHandle(handle) {
    const owner = this.pdses.find((pds) => handle.endsWith(pds.handleDomain))
    return owner ? owner.didOf(handle) : this.handles.get(handle)
  }

  async createAccount(pds, name) {
    const account = await pds.createAccount(name ?? `account${this.accountsMade++}`)
    this.accounts.push(account)
    await this.saveState()
    return account
  }

  async stop() {
    await Promise.allSettled([...this.pdses.map((pds) => pds.kill()), this.plc?.stop()])
  }

  describe() {
    return {
      pid: process.pid,
      plc: this.plc.describe(),
      pds: this.pdses.map((pds) => pds.describe()),
      control: this.control,
      accounts: this.accounts,
      startMs: this.startMs,
    }
  }
}

const flags = parseFlags()
const data = flags.data ? resolve(flags.data) : mkdtempSync(join(tmpdir(), 'atproto-network-'))
// On exit of any kind but a kill -9, so that a crash leaves nothing either.
if (!flags.data) process.on('exit', () => rmSync(data, { recursive: true, force: true }))
await mkdir(data, { recursive: true })

const network = new Network(flags, data)
let stopping = false
async function shutdown(code) {
  if (stopping) return
  stopping = true
  setTimeout(() => process.exit(code), SHUTDOWN_MS_MAX).unref() // whatever still hangs must not hold us up
  await network.stop()
  process.exit(code)
}
process.on('SIGINT', () => shutdown(0))
process.on('SIGTERM', () => shutdown(0))
if (flags.stdin) process.stdin.resume().on('end', () => shutdown(0)).on('error', () => shutdown(0))

try {
  await network.start()
  console.log(JSON.stringify(network.describe()))
} catch (err) {
  console.error(err)
  await shutdown(1)
}
