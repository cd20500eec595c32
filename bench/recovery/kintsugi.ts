import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { request } from 'undici';
import { type Contestant, type Entry, INSTANCES } from './contestant.ts';
import { LOAD } from './load.ts';
import { Program } from './program.ts';
import { SERVICE_FILE } from './service-file.ts';

const BIN = fileURLToPath(new URL('../../bin/kintsugi.js', import.meta.url));
const PORT = 17_080;
const API_PORT = 17_070;
const INTERNAL_PORT = 17_081;
const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 40_000;
const API_TIMEOUT_MS = 2_000;
const KEY = 'bench-key';
const HOST = 'bench.localhost';

/** The tenant's limits are out of the way, as HAProxy has none; all other times are Kintsugi's defaults. */
const MANIFEST = `apiVersion: kintsugi.dev/v1alpha1
kind: Tenant
metadata: { name: bench }
spec:
  regions: [here]
  dataClasses: [none]
  limits: { requestsPerSecond: ${LOAD.requestsPerSecond * 10}, burst: 1000, concurrency: 1024 }
  identify:
    hosts: [${HOST}]
    apiKeys: [{ name: bench, sha256: ${createHash('sha256').update(KEY).digest('hex')} }]
---
apiVersion: kintsugi.dev/v1alpha1
kind: Workload
metadata: { name: service }
spec:
  artefact: { path: ./service }
  command: [node, service.mts]
  instances: { here: ${INSTANCES} }
  route: { pathPrefix: /task }
  readiness: { type: http, path: /health }
  liveness: { type: http, path: /health, intervalMs: 500, timeoutMs: 400, fall: 3 }
`;

interface Status {
  readonly workloads: readonly {
    readonly instances: readonly { readonly ready: boolean; readonly host: string; readonly port: number }[];
  }[];
}

/** Kintsugi as a user starts it, with one tenant that needs a key and whose every access is recorded. */
export const KINTSUGI_ENTRY: Entry = {
  name: 'Kintsugi',
  description:
    'two gateways, its own PostgreSQL and ledger on the same machine; API key checked and every access recorded; default playbooks',
  skipped: undefined,
  start,
};

async function start(folder: string, signal: AbortSignal): Promise<Contestant> {
  const manifest = join(folder, 'stack.yaml');
  const state = join(folder, 'state');
  await mkdir(join(folder, 'service'));
  await copyFile(SERVICE_FILE, join(folder, 'service', 'service.mts'));
  await writeFile(manifest, MANIFEST);
  const ports = ['--port', PORT, '--api-port', API_PORT, '--internal-port', INTERNAL_PORT].map(String);
  const { DATABASE_URL: _, ...env } = process.env;
  const program = new Program(process.execPath, [BIN, 'up', manifest, '--state', state, ...ports], env);
  const contestant = createContestant(join(state, 'token'), program);
  try {
    await program.until(() => isServing(contestant), START_LIMIT_MS, signal);
  } catch (error) {
    await contestant.close();
    throw error;
  }
  return contestant;
}

function createContestant(tokenFile: string, program: Program): Contestant {
  const read = async <T>(path: string): Promise<T> => {
    const response = await request(`http://127.0.0.1:${API_PORT}${path}`, {
      headers: { authorization: `Bearer ${(await readFile(tokenFile, 'utf8')).trim()}` },
      signal: AbortSignal.timeout(API_TIMEOUT_MS),
    });
    const body = await response.body.json();
    if (response.statusCode !== 200) throw new Error(`${path} answered ${response.statusCode}`);
    return body as T;
  };
  return {
    target: { origin: `http://127.0.0.1:${PORT}`, headers: { host: HOST, 'x-api-key': KEY } },
    async instances() {
      const { workloads } = await read<Status>('/v1/status');
      return workloads
        .flatMap(({ instances }) => instances)
        .map(({ host, port, ready }) => ({ url: `http://${host}:${port}`, inRotation: ready }));
    },
    async incidents() {
      const { incidents } = await read<{ incidents: { state: string; outcome: string | null }[] }>('/v1/incidents');
      return {
        open: incidents.filter(({ state }) => state === 'open').length,
        healed: incidents.filter(({ outcome }) => outcome === 'healed').length,
      };
    },
    close: () => program.stop(STOP_LIMIT_MS),
  };
}

async function isServing(contestant: Contestant): Promise<boolean> {
  const { target } = contestant;
  if ((await contestant.instances()).filter(({ inRotation }) => inRotation).length < INSTANCES) return false;
  const response = await request(`${target.origin}/task/0`, { headers: target.headers });
  await response.body.dump();
  return response.statusCode === 200;
}
