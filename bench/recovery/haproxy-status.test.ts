import { expect, test } from 'vitest';
import { parseServerStates } from './haproxy-status.ts';

test('states of servers are read by the names of the columns', () => {
  const csv = [
    '# pxname,svname,qcur,status,',
    'entry,FRONTEND,,OPEN,',
    'service,service-0,0,UP,',
    'service,service-1,0,DOWN 1/2,',
    'service,BACKEND,0,UP,',
  ];
  const states = parseServerStates(`${csv.join('\n')}\n\n`);
  expect([...states]).toEqual([
    ['service-0', 'UP'],
    ['service-1', 'DOWN 1/2'],
  ]);
});
