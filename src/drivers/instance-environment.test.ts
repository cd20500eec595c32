import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { versionView } from '../../test/sim/fleet-views.ts';
import { systemClock } from '../base/clock.ts';
import { isFault } from '../base/errors.ts';
import { systemRandom } from '../base/random.ts';
import { regionAddress } from '../base/region-address.ts';
import { openStateDirectory, type StateDirectory } from '../base/state-directory.ts';
import { API_VERSION } from '../resources/metadata.ts';
import { workloadSchema } from '../resources/workload.ts';
import { type DeclaredWorkload, NOTHING_DECLARED, type Slot, type StoredVersion } from './declared.ts';
import { instanceEnvironment, Secrets } from './instance-environment.ts';
import { World } from './world.ts';

let folder: string;
let state: StateDirectory;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kintsugi-env-'));
  state = openStateDirectory(folder);
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function version(more: object = {}): StoredVersion {
  const { spec } = workloadSchema.parse({
    apiVersion: API_VERSION,
    kind: 'Workload',
    metadata: { name: 'records' },
    spec: { artefact: { path: '.' }, command: ['node'], instances: { eu: 1 }, ...more },
  });
  return { ...versionView(1), artefactPath: '/srv', spec };
}

function slot(workload: string, region: string, port: number): Slot {
  const place = { workload, region, ordinal: 0, port };
  return { ...place, instance: `${workload}-1`, version: 1, incoming: null, incomingVersion: null };
}

/** What an instance in the EU gets, in a world where `store` has an address there. */
function environment(more: object, region = 'eu'): Record<string, string> {
  const world = new World(systemClock);
  const states = { revision: 1, targetVersion: 1, phase: 'steady' as const, phaseSince: 0, scaleDelta: {} };
  const slots = [slot('store', 'us', 5_001), slot('store', 'eu', 5_002), slot('store', 'ap', 0)];
  const store: DeclaredWorkload = { name: 'store', spec: version().spec, ...states, versions: [], slots };
  world.declared = { ...NOTHING_DECLARED, workloads: [store] };
  const secrets = new Secrets(state.secrets, systemRandom);
  const at = slot('records', region, 0);
  return instanceEnvironment({ version: version(more), slot: at, world, secrets, state, internalPort: 7_000 });
}

test('configuration is handed over, with the addresses of dependencies in the same region', () => {
  const env = environment({
    config: {
      PLAIN: 'a value with $ and {braces}',
      DATABASE: 'postgres://${dependency.store.host}:${dependency.store.port}/records',
      STORE: '${dependency.store.url}/v1',
    },
  });
  const host = regionAddress('eu');
  expect(env['PLAIN']).toBe('a value with $ and {braces}');
  expect(env['DATABASE']).toBe(`postgres://${host}:5002/records`);
  expect(env['STORE']).toBe(`http://${host}:7000/store/v1`);
});

test('a dependency without an address in the region is never looked for in another', () => {
  const config = { config: { PORT_OF_STORE: '${dependency.store.port}' } };
  for (const region of ['ap', 'za']) {
    expect(() => environment(config, region)).toThrow(`store has no address in ${region} yet`);
  }
  try {
    environment(config, 'ap');
  } catch (error) {
    expect(isFault(error, 'instance.start-failed')).toBe(true);
  }
});

test('secrets are made once, are shared by name, and only their owner reads the files', () => {
  const env = environment({
    secrets: { KEY: { generate: 'key' }, SAME: { generate: 'key' }, OTHER: { generate: 'other' } },
  });
  expect(env['KEY']).toMatch(/^[0-9a-z]{40}$/);
  expect(env['SAME']).toBe(env['KEY']);
  expect(env['OTHER']).not.toBe(env['KEY']);
  expect(environment({ secrets: { KEY: { generate: 'key' } } })['KEY']).toBe(env['KEY']);
  expect(readdirSync(state.secrets).sort()).toEqual(['key', 'other', 'service-token']);
  expect(statSync(join(state.secrets, 'key')).mode & 0o077).toBe(0);
  expect(readFileSync(join(state.secrets, 'key'), 'utf8').trim()).toBe(env['KEY']);
});

test('a secret does not show when it is printed', () => {
  const secret = new Secrets(state.secrets, systemRandom).read('key');
  expect(`${JSON.stringify({ secret })} ${String(secret)}`).not.toContain(secret.reveal());
});

test('who keeps data gets a folder of its place that outlives the instance; others get none', () => {
  expect(environment({})).not.toHaveProperty('KINTSUGI_DATA_DIR');
  const first = environment({ keepsData: true })['KINTSUGI_DATA_DIR']!;
  expect(environment({ keepsData: true })['KINTSUGI_DATA_DIR']).toBe(first);
  expect(environment({ keepsData: true }, 'us')['KINTSUGI_DATA_DIR']).not.toBe(first);
  expect(statSync(first).mode & 0o777).toBe(0o700);
});

test('nothing of the environment of Kintsugi itself is handed over', () => {
  expect(Object.keys(environment({}))).toEqual(['KINTSUGI_SERVICE_TOKEN', 'KINTSUGI_TENANT_CONFIG', 'KINTSUGI_LIMITS']);
});
