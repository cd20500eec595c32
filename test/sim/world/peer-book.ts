import type { PeerCounts } from '../../../src/observe/sample.ts';
import type { Instance } from './instance.ts';
import { sketchOf } from './sketches.ts';

/** One of those who are asked: its part of the calls, and how many of its calls fail. */
export interface Peer {
  readonly instance: Instance;
  readonly share: number;
  readonly failedShare: number;
  readonly latencyMs: number;
}

interface Told {
  readonly instance: Instance;
  asked: number;
  failed: number;
  latencyMs: number;
}

/**
 * Which instance of a callee each call went to, and which of them failed: what was counted of all is shared out by what
 * was to be expected of each, in whole calls. Fractions are kept for the next time.
 */
export class PeerBook {
  readonly #told = new Map<string, Map<string, Told>>();

  add(key: string, peers: readonly Peer[], count: number, failed: number): void {
    const told = this.#told.get(key) ?? new Map<string, Told>();
    this.#told.set(key, told);
    const all = peers.reduce((sum, each) => sum + each.share * each.failedShare, 0);
    for (const { instance, share, failedShare, latencyMs } of peers) {
      const entry = told.get(instance.instance) ?? { instance, asked: 0, failed: 0, latencyMs };
      entry.latencyMs = latencyMs;
      entry.asked += count * share;
      entry.failed += all > 0 ? (failed * share * failedShare) / all : failed * share;
      told.set(instance.instance, entry);
    }
  }

  /** `at` is a number in [0, 1) by which the latencies of few answers are drawn. */
  take(key: string, at: number): readonly PeerCounts[] {
    const told = this.#told.get(key) ?? new Map<string, Told>();
    return [...told.values()].flatMap((entry): readonly PeerCounts[] => {
      const asked = Math.floor(entry.asked);
      const failed = Math.min(asked, Math.floor(entry.failed));
      entry.asked -= asked;
      entry.failed -= failed;
      const { instance, version, region, state } = entry.instance;
      if (state === 'exited') told.delete(instance);
      if (asked === 0 || state === 'exited') return [];
      const ok = asked - failed;
      return [{ instance, version, region, ok, failed, latency: sketchOf(ok, entry.latencyMs, at) }];
    });
  }
}
