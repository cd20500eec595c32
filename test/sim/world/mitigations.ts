import type { Mitigation } from '../../../src/heal/fleet.ts';
import type { Noise } from './noise.ts';

interface Standing {
  readonly mitigation: Mitigation;
  readonly from: number;
  readonly until: number;
}

/** What is asked for: who sends how many requests of which kind in one step. */
export interface Asked {
  readonly tenant: string | null;
  readonly actor?: string;
  readonly workload: string;
  readonly route: string | null;
  readonly fingerprint?: string;
}

export interface Passed {
  readonly admitted: number;
  readonly limited: number;
  readonly refused: number;
}

/** Limits that stand at the gateways. Each ends by itself, if it is not to be lifted, and lets through more and more over its last part. */
export class Mitigations {
  #standing: Standing[] = [];

  add(mitigation: Mitigation, now: number): boolean {
    if (this.#standing.some((each) => each.mitigation.id === mitigation.id)) return false;
    // What holds the same for the same incident takes its place.
    if (mitigation.untilLifted)
      this.#standing = this.#standing.filter((each) => !holdsSame(each.mitigation, mitigation));
    this.#standing.push({ mitigation, from: now, until: now + mitigation.minutes * 60_000 });
    return true;
  }

  lift(id: string): boolean {
    const before = this.#standing.length;
    this.#standing = this.#standing.filter((each) => each.mitigation.id !== id);
    return this.#standing.length < before;
  }

  expire(now: number): boolean {
    const before = this.#standing.length;
    this.#standing = this.#standing.filter((each) => now < each.until || each.mitigation.untilLifted);
    return this.#standing.length < before;
  }

  ofTenant(tenant: string): readonly Mitigation[] {
    return this.#standing.flatMap(({ mitigation }) => (mitigation.tenant === tenant ? [mitigation] : []));
  }

  /** Those that hold something for an incident. */
  holding(): readonly { readonly id: string; readonly incident: string; readonly until: number }[] {
    return this.#standing.flatMap(({ mitigation: { id, incident }, until }) =>
      incident === undefined ? [] : [{ id, incident, until }],
    );
  }

  turningPoints(): readonly number[] {
    return this.#standing.map((each) => each.until);
  }

  /** How many of `count` requests get through within `dtMs`. */
  pass(asked: Asked, count: number, dtMs: number, now: number, noise: Noise): Passed {
    let admitted = count;
    let limited = 0;
    let refused = 0;
    for (const standing of this.#standing) {
      const { mitigation } = standing;
      if (!concerns(mitigation, asked)) continue;
      const back = returned(standing, now);
      const held = heldBy(mitigation, admitted, dtMs, noise);
      const stays = back <= 0 ? held : noise.of(held, 1 - back);
      admitted -= stays;
      if (mitigation.kind === 'quarantine') refused += stays;
      else limited += stays;
    }
    return { admitted, limited, refused };
  }
}

function holdsSame(one: Mitigation, other: Mitigation): boolean {
  const names = ['kind', 'tenant', 'incident', 'untilLifted', 'workload'] as const;
  return names.every((name) => one[name] === other[name]);
}

function concerns(limit: Mitigation, asked: Asked): boolean {
  return (
    limit.store === undefined &&
    (limit.tenant === null || limit.tenant === asked.tenant) &&
    (limit.workload == null || limit.workload === asked.workload) &&
    (limit.route == null || limit.route === asked.route) &&
    (limit.fingerprint == null || limit.fingerprint === asked.fingerprint) &&
    (limit.actor == null || limit.actor === asked.actor)
  );
}

function heldBy(limit: Mitigation, count: number, dtMs: number, noise: Noise): number {
  switch (limit.kind) {
    case 'quarantine':
      return count;
    case 'shed':
      return noise.of(count, limit.share ?? 0);
    case 'throttle':
      return Math.max(0, count - Math.round((limit.requestsPerSecond * dtMs) / 1_000));
  }
}

/** How much of what it holds is let through again, 0 to 1. */
function returned({ mitigation, until }: Standing, now: number): number {
  if (mitigation.untilLifted) return 0;
  const rampMs = (mitigation.rampMinutes ?? 0) * 60_000;
  if (rampMs <= 0) return 0;
  return Math.max(0, Math.min(1, 1 - (until - now) / rampMs));
}
