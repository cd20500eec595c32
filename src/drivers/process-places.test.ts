import { expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { regionAddress } from '../base/region-address.ts';
import { workloadSchema } from '../resources/workload.ts';
import type { Declared } from './declared.ts';
import { NOTHING_DECLARED } from './declared.ts';
import { watchedProcesses } from './process-places.ts';
import type { ChildStatus } from './process/protocol.ts';
import { World } from './world.ts';

const PORTS = { gateway: 8080, api: 8081, scheme: 'http', internal: 8082, regions: ['eu'] } as const;
const status = { version: 1, region: 'eu', startedAt: null, exit: null, restarts: 0, limitsEnforced: false } as const;

function child(id: string, over: Partial<ChildStatus>): ChildStatus {
  return { ...status, id, role: 'system', state: 'running', workload: '', host: '', port: 0, pid: 7, ...over };
}

test('each process may listen where it was sent, and where people approved', () => {
  const { spec } = workloadSchema.parse({
    apiVersion: 'kintsugi.dev/v1alpha1',
    kind: 'Workload',
    metadata: { name: 'records' },
    spec: {
      artefact: { path: 'x' },
      command: ['x'],
      instances: { eu: 1 },
      approvedPorts: [
        { port: 9464, reason: 'metrics' },
        { port: 'given', address: 'any', reason: 'the appliance' },
      ],
    },
  });
  const slot = { workload: 'records', region: 'eu', ordinal: 0, instance: 'ins_1', version: 1, port: 20_001 };
  const workload = { name: 'records', spec, versions: [], slots: [{ ...slot, incoming: null, incomingVersion: null }] };
  const world = new World(systemClock);
  world.declared = { ...NOTHING_DECLARED, workloads: [workload] } as unknown as Declared;
  const instance = { role: 'instance', workload: 'records', host: '127.9.9.9', port: 20_001 } as const;
  world.setChildren([
    child('control', {}),
    child('gateway-0', {}),
    child('ledger', {}),
    child('ins_1', instance),
    child('ins_0', { ...instance, port: 20_000 }),
    child('ins_gone', { ...instance, state: 'exited' }),
  ]);
  const approved = Object.fromEntries(watchedProcesses(world, PORTS).map((each) => [each.subject, each.approved]));
  const records = (port: number) => [
    { port, address: '127.9.9.9' },
    { port, address: 'loopback' },
    { port: 9464, address: 'loopback' },
    { port, address: 'any' },
  ];
  expect(approved).toEqual({
    control: [{ port: 8081, address: '127.0.0.1' }],
    'gateway-0': [
      { port: 8080, address: '127.0.0.1' },
      { port: 8082, address: regionAddress('eu') },
    ],
    ledger: [],
    'records/eu/0': records(20_001),
    ins_0: records(20_000),
  });
});
