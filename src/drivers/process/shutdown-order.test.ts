import { expect, test } from 'vitest';
import { shutdownOrder } from './shutdown-order.ts';

const system = (id: string) => ({ id, role: 'system', workload: '' }) as const;
const instance = (id: string, workload: string) => ({ id, role: 'instance', workload }) as const;

test('gateways stop first, then control, instances by rank, and last what they stand on', () => {
  const children = [
    system('postgres'),
    system('ledger'),
    system('control'),
    system('gateway-1'),
    system('gateway-2'),
    instance('ins_db', 'records'),
    instance('ins_a', 'front'),
    instance('ins_b', 'front'),
    instance('ins_x', 'unranked'),
  ];
  const startOrder = { postgres: 0, ledger: 1, control: 2, 'gateway-1': 3, 'gateway-2': 3 };
  expect(shutdownOrder({ children, startOrder, stopOrder: { front: -1, records: 5 } })).toEqual([
    ['gateway-1', 'gateway-2'],
    ['control'],
    ['ins_a', 'ins_b'],
    ['ins_x'],
    ['ins_db'],
    ['ledger'],
    ['postgres'],
  ]);
});

test('nothing to stop is no group', () => {
  expect(shutdownOrder({ children: [], startOrder: {}, stopOrder: {} })).toEqual([]);
});
