import { expect, test } from 'vitest';
import { callsAt, carriedAt, refOf, requestsAt, triesAt } from '../../test/sim/readings.ts';
import { callGraphDetector } from '../detect/call-graph.ts';
import { run } from '../detect/detector.ts';
import type { Symptom } from '../detect/symptom.ts';
import type { Symptoms } from '../detect/symptoms.ts';
import type { FleetView } from './fleet-view.ts';
import { rankingOf } from './ranking.ts';

const FAULT_AT = 720_000;
const NOW = 840_000;
const fleet: FleetView = { at: NOW, workloads: [], tenants: [], settings: [], assets: [], actors: [], room: {} };
const felt: Symptom = {
  name: 'workload-errors',
  subject: { kind: 'workload', name: 'records' },
  since: FAULT_AT,
  at: NOW,
  vantages: [],
  reason: '',
  evidence: {},
};
const symptoms: Symptoms = new Map([['', felt]]);

/** `records` calls `stock`, which calls `store`; from the fault on `failing` fails, and so does who calls it. */
function seen(failing: string | undefined) {
  const detector = run(callGraphDetector);
  const chain = ['records', 'stock', 'store'];
  for (let at = 1_000; at < NOW; at += 1_000) {
    const reached = at >= FAULT_AT && failing !== undefined ? chain.indexOf(failing) : -1;
    const failed = (node: string) => (chain.indexOf(node) <= reached ? 4 : 0);
    detector.feed(requestsAt(at, 'shop', 20 - failed('records'), failed('records')));
    detector.feed(callsAt(at, 'stock', 20 - failed('stock'), failed('stock'), refOf('records-1', 'records')));
    detector.feed(callsAt(at, 'store', 20 - failed('store'), failed('store'), refOf('stock-1', 'stock')));
  }
  return detector.readings(NOW)!;
}

test('who adds the harm is found along calls that nobody declared, and the others are told to pass it on', () => {
  for (const failing of ['stock', 'store']) {
    const ranking = rankingOf(symptoms, fleet, seen(failing))!;
    expect(ranking).toMatchObject({ of: 'records', metric: 'failures', verdict: 'cause' });
    expect(ranking.causes[0]?.node).toBe(failing);
    expect(ranking.causes[0]!.confidence).toBeGreaterThan(0.5);
  }
});

test('where nothing got worse it cannot be told, and where nothing is felt nobody is ranked', () => {
  expect(rankingOf(symptoms, fleet, seen(undefined))?.verdict).toBe('cannot-tell');
  expect(rankingOf(new Map(), fleet, seen('store'))).toBeUndefined();
});

test('a call graph that only traces show is ranked along as well, and the one instance of the cause is named', () => {
  const detector = run(callGraphDetector);
  for (let at = 1_000; at < NOW; at += 1_000) {
    const failed = at >= FAULT_AT ? 5 : 0;
    for (const workload of ['records', 'stock'])
      detector.feed(requestsAt(at, 'shop', 20 - failed, failed, { workload }));
    const caller = refOf('records-1', 'records');
    detector.feed(carriedAt(at, 'stock', 20 - failed, failed, caller));
    detector.feed(triesAt(at, 20 - failed, failed, caller));
    for (const i of [1, 2, 3]) {
      const bad = i === 2 ? failed : 0;
      detector.feed(triesAt(at, 7 - bad, bad, refOf(`stock-${i}`, 'stock')));
    }
  }
  const { causes, verdict } = rankingOf(symptoms, fleet, detector.readings(NOW)!)!;
  expect(verdict).toBe('cause');
  expect(causes[0]?.node).toBe('stock');
  expect(causes[0]!.evidence.join('; ')).toContain('instance stock-2 has 100 % of the harm and 33 % of the requests');
});

test('how calls went is kept by who calls whom, of as many pairs as there is room for', () => {
  const detector = run(callGraphDetector);
  for (let at = 1_000; at < NOW; at += 1_000) {
    const failed = at >= FAULT_AT ? 5 : 0;
    detector.feed(carriedAt(at, 'stock', 20 - failed, failed, refOf('records-1', 'records')));
    detector.feed(requestsAt(at, 'shop', 20 - failed, failed, { workload: 'stock' }));
  }
  const [edge] = detector.readings(NOW)!.nodes.find(({ name }) => name === 'records')!.edges;
  expect(edge).toMatchObject({ callee: 'stock', present: { requests: 2_400, failed: 600 }, baseline: { failed: 0 } });
  // What a gateway tells of as requests as well is counted once.
  const stock = detector.readings(NOW)!.nodes.find(({ name }) => name === 'stock')!;
  expect(stock.present.requests.at(-2)).toBe(100);
  expect([...detector.tell(NOW)].map(({ series }) => series)).toEqual(['workload records calls to stock']);
  for (let i = 0; i < 3_000; i++)
    detector.feed(carriedAt(NOW, `w-${i % 60}`, 1, 0, refOf('x', `c-${Math.floor(i / 60)}`)));
  const edges = detector.readings(NOW)!.nodes.reduce((sum, node) => sum + node.edges.length, 0);
  expect(edges).toBe(2_000);
  // Who has not called for a quarter of an hour makes room.
  detector.feed(carriedAt(NOW + 3_600_000, 'new', 1, 0, refOf('y', 'late')));
  expect(detector.readings(NOW + 3_600_000)!.nodes.flatMap(({ calls }) => calls)).toEqual(['new']);
});
