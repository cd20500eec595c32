import { parseScenarios } from '../scenarios/load.ts';
import type { Scenario } from '../scenarios/scenario.ts';
import type { Act, FeltBucket, Trial, TrialIncident } from '../sim/world/trial.ts';

/** A scenario of two tenants and one setting, with what it expects given as YAML. */
export function scenarioThat(expect: string, more = ''): Scenario {
  const text = `scenario: made-by-hand
pack: port
title: a bad value
runs: 10m
fleet:
  workloads: { api: { instances: { eu: 3 }, route: / } }
  tenants: { shop: { regions: [eu] }, clinic: { regions: [eu], availability: 0.999 } }
  settings: { api/POOL: { value: 8 }, api/TTL: { value: 60 } }
events: [{ at: 2m, set: { setting: api/POOL, value: 1 } }]
${more}expect: ${expect}
`;
  return parseScenarios([{ file: 'made-by-hand.yaml', text }])[0]!.scenario;
}

/** Ten minutes of both tenants, 100 requests in every five seconds; `bad` of them fail from one minute to another. */
export function trialOf(given: {
  readonly bad?: readonly {
    readonly tenant: string;
    readonly from: number;
    readonly until: number;
    readonly count: number;
  }[];
  readonly acts?: readonly Act[];
  readonly incidents?: readonly TrialIncident[];
  readonly more?: Partial<Trial>;
}): Trial {
  const bucketsOf = (tenant: string): FeltBucket[] =>
    Array.from({ length: 120 }, (_, i) => {
      const at = i * 5_000;
      const sick = given.bad?.find(
        (each) => each.tenant === tenant && at >= each.from * 60_000 && at < each.until * 60_000,
      );
      const failed = sick?.count ?? 0;
      const ok = 100 - failed;
      return { at, spanMs: 5_000, requests: 100, ok, failed, limited: 0, refused: 0, slow: 0, exposed: 0 };
    });
  return {
    scenario: 'made-by-hand',
    seed: 1,
    healer: 'kintsugi',
    lengthMs: 600_000,
    felt: { shop: bucketsOf('shop'), clinic: bucketsOf('clinic') },
    incidents: given.incidents ?? [],
    repairs: [],
    acts: given.acts ?? [],
    refusals: [],
    pages: [],
    violations: [],
    faults: [],
    ended: { settings: {}, conditions: [], actors: {}, dataLostMs: 0 },
    conditions: [],
    writes: [],
    fenced: 0,
    ...given.more,
  };
}

export function incidentAt(minute: number, cause: string, subject: string): TrialIncident {
  const openedAt = minute * 60_000;
  return { id: 'inc_1', cause, subject, summary: '', openedAt, closedAt: null, outcome: null, diagnoses: [] };
}

/** An act that ended after a second, for the incident of `incidentAt`. */
export function actAt(minute: number, move: Act['move'], subjects: readonly string[], more: Partial<Act> = {}): Act {
  const at = minute * 60_000;
  const key = `rep_${move}_${minute}:0:${more.verb ?? 'apply'}`;
  const told = { by: 'control-1', epoch: 1, key, repair: `rep_${minute}`, incident: 'inc_1', failed: null };
  return { at, endedAt: at + 1_000, move, verb: 'apply', subjects, ...told, ...more };
}
