import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CallNode, Readings } from './call-node.ts';
import { rankCauses } from './cause-ranking.ts';

const TIMES = [0, 1, 2, 3, 4].map((minute) => minute * 60_000);
const STEPS = 100;

/** Readings that wobble a little around a level, the same way each time. */
function calm(requests: number, failedShare: number, latencyMs: number, length = STEPS): Readings {
  const wobble = (at: number) => 1 + 0.03 * Math.sin(at * 2.4);
  const series = (level: number) => Array.from({ length }, (_, at) => level * wobble(at));
  return {
    requests: series(requests),
    failedShare: series(failedShare),
    latencyMs: series(latencyMs),
    tailsMs: [{ quantile: 0.99, ms: series(latencyMs * 4) }],
  };
}

interface Fault {
  /** Requests that are hit per interval. */
  readonly hits: readonly number[];
  readonly delayMs?: number;
}

function node(name: string, calls: readonly string[], requests: number, fault?: Fault): CallNode {
  const baseline = calm(requests, 0.002, 20);
  const present = calm(requests, 0.002, 20, TIMES.length);
  if (fault === undefined) return { name, calls, baseline, present };
  const shares = fault.hits.map((hit) => hit / requests);
  const { delayMs } = fault;
  const worse: Readings =
    delayMs === undefined
      ? { ...present, failedShare: present.failedShare.map((value, at) => value! + shares[at]!) }
      : { ...present, latencyMs: present.latencyMs.map((value, at) => value! + shares[at]! * delayMs) };
  return { name, calls, baseline, present: worse };
}

const HITS = [0, 0, 40, 50, 30];

/** shop -> (cart -> stock, search -> stock); `stock` serves both. */
function shop(faults: Readonly<Record<string, Fault>>): readonly CallNode[] {
  return [
    node('shop', ['cart', 'search'], 1_000, faults['shop']),
    node('cart', ['stock'], 300, faults['cart']),
    node('search', ['stock'], 700, faults['search']),
    node('stock', [], 900, faults['stock']),
    node('mail', [], 5_000, faults['mail']),
  ];
}

const failures = { node: 'shop', metric: 'failures', times: TIMES } as const;
const latency = { node: 'shop', metric: 'latency', times: TIMES } as const;

describe('the cause', () => {
  test('is the deepest node that fails, not its callers', () => {
    const hurt = { hits: HITS };
    const { verdict, causes } = rankCauses(shop({ shop: hurt, search: hurt, stock: hurt }), failures);
    expect(verdict).toBe('cause');
    expect(causes[0]).toMatchObject({ node: 'stock' });
    expect(causes[0]!.harm).toBeCloseTo(40, -1);
    expect(causes.find(({ node }) => node === 'search')!.harm).toBeLessThan(4);
  });

  test('is the caller when its callees are well', () => {
    const { causes, reason } = rankCauses(shop({ shop: { hits: HITS }, cart: { hits: HITS } }), failures);
    expect(causes[0]!.node).toBe('cart');
    expect(reason).toContain('cart');
  });

  test('is found by delay as well, and by a tail that the mean hides', () => {
    const slow = { hits: HITS, delayMs: 500 };
    expect(rankCauses(shop({ shop: slow, search: slow }), latency).causes[0]!.node).toBe('search');
    const nodes = shop({}).map((each) => {
      if (each.name !== 'shop' && each.name !== 'search') return each;
      const tailsMs = [{ quantile: 0.99, ms: [80, 80, 4_000, 4_100, 4_000] }];
      // What one per cent waits longer, the others wait shorter: the mean stays.
      return { ...each, present: { ...each.present, tailsMs } };
    });
    const { causes, verdict } = rankCauses(nodes, latency);
    expect(verdict).toBe('cause');
    expect(causes[0]!.node).toBe('search');
  });

  test('weighs by requests: many small failures beat a rare service that fails always', () => {
    const nodes = [
      ...shop({ shop: { hits: HITS }, search: { hits: HITS } }).filter(({ name }) => name !== 'cart'),
      node('cart', [], 4, { hits: [0, 0, 4, 4, 4] }),
    ];
    expect(rankCauses(nodes, failures).causes[0]!.node).toBe('search');
  });

  test('is not a node whose baseline is stale: it was as bad before the trouble began', () => {
    const nodes = shop({ shop: { hits: HITS }, search: { hits: HITS }, cart: { hits: [150, 150, 150, 150, 150] } });
    const { causes } = rankCauses(nodes, failures);
    expect(causes[0]!.node).toBe('search');
    expect(causes.find(({ node }) => node === 'cart')!.score).toBeLessThan(causes[0]!.score / 10);
  });

  test('is still found when the whole window is troubled', () => {
    const always = { hits: [40, 41, 40, 42, 40] };
    const { causes, verdict } = rankCauses(shop({ shop: always, search: always }), failures);
    expect(verdict).toBe('cause');
    expect(causes[0]!.node).toBe('search');
  });

  test('is not a node that the troubled one does not call', () => {
    const hurt = { hits: HITS };
    const { causes } = rankCauses(shop({ shop: hurt, search: hurt, mail: { hits: [0, 0, 900, 900, 900] } }), failures);
    expect(causes.map(({ node }) => node)).not.toContain('mail');
  });

  test('is sooner the node that was just changed, and not one that was changed afterwards', () => {
    const both = shop({ shop: { hits: HITS }, cart: { hits: HITS }, search: { hits: HITS } });
    const changed = (name: string, at: number) =>
      both.map((each) => (each.name === name ? { ...each, changedAt: at } : each));
    expect(rankCauses(changed('cart', 60_000), failures).causes[0]!.node).toBe('cart');
    expect(rankCauses(changed('search', 60_000), failures).causes[0]!.node).toBe('search');
    const first = rankCauses(both, failures).causes[0]!;
    const other = first.node === 'cart' ? 'search' : 'cart';
    expect(rankCauses(changed(other, 200_000), failures).causes[0]!.node).toBe(first.node);
    expect(rankCauses(changed(other, 60_000), failures).causes[0]!.evidence.join()).toContain('changed 60 s before');
  });
});

describe('of several nodes that got worse, the cause', () => {
  test('is not work that nobody waits for, however much worse that got', () => {
    const nodes = shop({ shop: { hits: HITS }, search: { hits: HITS }, cart: { hits: [0, 0, 80, 85, 75] } });
    const alone = nodes.map((each) => (each.name === 'shop' ? { ...each, calls: ['cart', 'search'] } : each));
    const { causes } = rankCauses(alone, failures);
    const [cart, search] = ['cart', 'search'].map((name) => causes.find(({ node }) => node === name)!);
    expect(cart!.harm / search!.harm).toBeGreaterThan(1.9);
    expect(cart!.score / search!.score).toBeLessThan(1.6);
  });

  test('is rather what never happened before than what is often so', () => {
    const wild = (each: CallNode): CallNode => ({
      ...each,
      baseline: { ...each.baseline, failedShare: each.baseline.failedShare.map((_, at) => (at % 3 === 0 ? 0.4 : 0)) },
    });
    const nodes = shop({ shop: { hits: HITS }, search: { hits: HITS }, cart: { hits: [0, 0, 50, 60, 40] } });
    const { causes } = rankCauses(
      nodes.map((each) => (each.name === 'cart' ? wild(each) : each)),
      failures,
    );
    expect(causes[0]!.node).toBe('search');
  });
});

describe('cannot tell', () => {
  test('is the answer when a callee is worse but the node that was asked about is not', () => {
    const { verdict, reason } = rankCauses(shop({ search: { hits: HITS } }), failures);
    expect(verdict).toBe('cannot-tell');
    expect(reason).toBe('shop is not worse than it usually is');
  });

  test('is the answer without readings of the troubled node', () => {
    expect(rankCauses([], failures)).toMatchObject({ verdict: 'cannot-tell', causes: [] });
  });

  test('is the answer when nothing is worse than usual', () => {
    expect(rankCauses(shop({}), failures).verdict).toBe('cannot-tell');
    expect(rankCauses(shop({}), latency).verdict).toBe('cannot-tell');
  });

  test('is the answer when several nodes are equally suspect', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const nodes = [
      node('shop', names, 1_000, { hits: HITS }),
      ...names.map((name) => node(name, [], 1_000, { hits: HITS })),
    ];
    const { verdict, reason } = rankCauses(nodes, failures);
    expect(verdict).toBe('cannot-tell');
    expect(reason).toContain('no cause stands out');
  });

  test('is the answer when everything that could be asked is missing', () => {
    const gone = { requests: [null], failedShare: [null], latencyMs: [], tailsMs: [] };
    const nodes = [{ name: 'shop', calls: ['shop', 'gone'], baseline: gone, present: gone }];
    expect(rankCauses(nodes, failures).verdict).toBe('cannot-tell');
  });
});

test('circles in the graph end', () => {
  const hurt = { hits: HITS };
  const nodes = [node('shop', ['search'], 1_000, hurt), node('search', ['shop', 'search'], 1_000)];
  expect(rankCauses(nodes, failures).causes[0]!.node).toBe('shop');
});

test('any readings give finite scores, and confidences from 0 to 1', () => {
  const reading = fc.option(fc.double({ min: 0, max: 1e6, noNaN: true }), { nil: null });
  const series = (length: number) => fc.array(reading, { minLength: length, maxLength: length });
  const readings = (length: number) =>
    fc.record({
      requests: series(length),
      failedShare: series(length),
      latencyMs: series(length),
      tailsMs: series(length).map((ms) => [{ quantile: 0.99, ms }]),
    });
  const anyNode = (name: string) =>
    fc.record({
      name: fc.constant(name),
      calls: fc.subarray(['shop', 'a', 'b', 'nowhere']),
      baseline: fc.oneof(readings(0), readings(8)),
      present: readings(TIMES.length),
    });
  const graph = fc.tuple(anyNode('shop'), anyNode('a'), anyNode('b'));
  fc.assert(
    fc.property(graph, fc.constantFrom(failures, latency), (nodes, trouble) => {
      for (const { score, confidence, harm } of rankCauses(nodes, trouble).causes) {
        expect(Number.isFinite(score) && Number.isFinite(harm)).toBe(true);
        expect(confidence >= 0 && confidence <= 1).toBe(true);
      }
    }),
    { seed: 6, numRuns: 300 },
  );
});
