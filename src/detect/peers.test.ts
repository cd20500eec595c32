import { describe, expect, test } from 'vitest';
import { callsAt, refOf } from '../../test/sim/readings.ts';
import { bucketOf } from '../base/latency-sketch.ts';
import type { PeerCounts, Sample } from '../observe/sample.ts';
import { detectionNumbers } from '../resources/detection-number.ts';
import { run } from './detector.ts';
import { siblingDetector } from './sibling.ts';
import { applyChanges, type Symptoms } from './symptoms.ts';

const caller = refOf('records-1', 'records');

/** Calls of every 250 ms to three of `store`; `failing` says how many of its four calls fail at the first. */
function calls(untilMs: number, failing: (at: number) => number): readonly Sample[] {
  const samples: Sample[] = [];
  for (let at = 250; at <= untilMs; at += 250) {
    const failed = failing(at);
    const peers = ['store-1', 'store-2', 'store-3'].map((instance, index): PeerCounts => {
      const own = index === 0 ? failed : 0;
      return { instance, version: 1, region: 'eu', ok: 4 - own, failed: own };
    });
    samples.push({ ...callsAt(at, 'store', 12 - failed, failed, caller), peers });
  }
  return samples;
}

function peersOf(sample: Sample): readonly PeerCounts[] {
  return (sample.kind === 'calls' && sample.peers) || [];
}

function standingAfter(samples: readonly Sample[]): readonly string[] {
  const detector = run(siblingDetector(() => detectionNumbers()));
  const standing = samples.reduce<Symptoms>((known, each) => applyChanges(known, detector.feed(each)), new Map());
  return [...standing.keys()];
}

describe('calls between workloads, by whom they reached', () => {
  test('an instance that fails its callers where its siblings do not is a claim', () => {
    expect(standingAfter(calls(22_000, () => 1))).toEqual(['instance-errors instance store-1']);
  });

  test('a loss that does not last is none, and one that has ended is none any more', () => {
    for (const untilMs of [18_000, 22_000, 26_000, 40_000]) {
      expect(standingAfter(calls(untilMs, (at) => (at > 10_000 && at < 22_000 ? 1 : 0)))).toEqual([]);
    }
    expect(standingAfter(calls(40_000, (at) => (at < 30_000 ? 1 : 0)))).toEqual([]);
  });

  test('all calls that fail are told at once', () => {
    expect(standingAfter(calls(9_000, (at) => (at > 3_000 ? 4 : 0)))).toEqual(['instance-errors instance store-1']);
  });

  test('two or three failures are chance, whatever share of few calls they are', () => {
    const few = calls(19_000, (at) => (at % 4_000 === 0 ? 1 : 0))
      .filter((each) => each.at % 1_000 === 0)
      .map((each) => ({
        ...each,
        peers: peersOf(each).map(({ failed, ...peer }) => ({ ...peer, ok: 1 - failed, failed })),
      }));
    expect(standingAfter(few)).toEqual([]);
  });

  test('one that takes far longer for its callers than its siblings is a claim, and none where nobody timed them', () => {
    const timed = (isTimed: boolean) =>
      calls(60_000, () => 0).map((each) => {
        const peers = peersOf(each).map((peer, index) => {
          const bucket = bucketOf(index === 0 && each.at > 30_000 ? 900 : 12);
          return isTimed ? { ...peer, latency: { count: 4, buckets: { [bucket]: 4 } } } : peer;
        });
        return { ...each, peers };
      });
    expect(standingAfter(timed(true))).toEqual(['instance-slow instance store-1']);
    expect(standingAfter(timed(false))).toEqual([]);
  });

  test('who does not know whom it asked accuses nobody', () => {
    const unknown = calls(22_000, () => 1).map((each) => ({ ...each, peers: [] }));
    expect(standingAfter(unknown)).toEqual([]);
  });
});
