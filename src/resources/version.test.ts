import { expect, test } from 'vitest';
import { configDigest } from './version.ts';
import { type Workload, workloadSchema } from './workload.ts';

function workload(spec: Record<string, unknown>, labels: Record<string, string> = {}): Workload {
  return workloadSchema.parse({
    apiVersion: 'kintsugi.dev/v1alpha1',
    kind: 'Workload',
    metadata: { name: 'records', labels },
    spec: {
      artefact: { path: '.' },
      command: ['node', 'server.ts'],
      instances: { eu: 1 },
      config: { A: '1', B: '2' },
      ...spec,
    },
  });
}

const base = configDigest(workload({}));

test.each<[string, Record<string, unknown>]>([
  ['command', { command: ['node', 'server.ts', '--verbose'] }],
  ['environment', { config: { A: '1', B: '3' } }],
  ['name of a secret', { secrets: { PGPASSWORD: { generate: 'records' } } }],
  ['granted memory', { resources: { memoryMiB: 64 } }],
  ['place for data', { keepsData: true }],
  ['driver', { driver: 'container' }],
])('another %s is another version', (_, spec) => {
  expect(configDigest(workload(spec))).not.toBe(base);
});

test.each<[string, Record<string, unknown>]>([
  ['instances', { instances: { eu: 5, us: 1 } }],
  ['route', { route: { pathPrefix: '/records' } }],
  ['rollout', { rollout: { canaryMs: 1 } }],
  ['dependencies', { dependsOn: ['database'] }],
  ['probes', { readiness: { type: 'http', path: '/ready' } }],
  ['way to stop', { stop: { signal: 'SIGINT' } }],
  ['path of the artefact', { artefact: { path: './elsewhere' } }],
  ['order of keys', { config: { B: '2', A: '1' } }],
])('another %s is not', (_, spec) => {
  expect(configDigest(workload(spec, { team: 'one' }))).toBe(base);
});
