/** What one tenant's requests felt over a span. */
export interface Felt {
  readonly requests: number;
  /** Failed, refused and held back: whoever sent them did not get an answer. */
  readonly failed: number;
}

/** What a repair is judged by, afterwards. Spans are just before it began and from its first act to its end. */
export interface RepairRecord {
  readonly startedAt: number;
  readonly endedAt: number;
  readonly before: Readonly<Record<string, Felt>>;
  readonly during: Readonly<Record<string, Felt>>;
  /** Tenants that the repair itself keeps out: refusing them is what it is for. */
  readonly keptOut: readonly string[];
  /** Instances that served when it began, that it touched, and that did not serve when it ended. */
  readonly instancesLost: readonly string[];
}

export interface Harm {
  /** Requests that failed beyond those that would have failed without the repair. */
  readonly failed: number;
  readonly tenants: readonly string[];
  readonly instances: readonly string[];
  /** Time under repair, when anybody was hurt. */
  readonly minutes: number;
}

/** So many standard deviations above what was to be expected are chance. */
const CHANCE = 3;

/**
 * The harm of a repair against what would have been without it: the same requests, failing at the rate at which each
 * tenant's failed just before. A tenant that sent nothing before is compared with all the others. Pure.
 *
 * A repair follows its fault within seconds, while it still grows. So a tenant that was hurt already is not counted: what
 * the fault goes on doing to it and what the repair does cannot be told apart. Those who were well and are hurt by then
 * are counted in full, and so are instances that no longer serve.
 */
export function harmOf({ before, during, keptOut, instancesLost, startedAt, endedAt }: RepairRecord): Harm {
  const everybody = sum(Object.values(before));
  const hurt = Object.entries(during).flatMap(([tenant, felt]) => {
    if (keptOut.includes(tenant)) return [];
    const failed = Math.round(felt.failed - expectedOf(felt, before[tenant] ?? everybody));
    return failed > 0 ? [{ tenant, failed }] : [];
  });
  const isHurt = hurt.length > 0 || instancesLost.length > 0;
  return {
    failed: hurt.reduce((total, each) => total + each.failed, 0),
    tenants: hurt.map(({ tenant }) => tenant),
    instances: instancesLost,
    minutes: isHurt ? (endedAt - startedAt) / 60_000 : 0,
  };
}

/** From this share of failed requests on, a tenant was hurt already. */
const HURT_SHARE = 0.05;

/** Most of what would have failed anyhow: the mean at the old rate and what chance adds to it. */
function expectedOf({ requests }: Felt, before: Felt): number {
  if (before.failed >= HURT_SHARE * before.requests && before.failed > 1) return requests;
  // One failure more than was seen: a rate of zero is never known for certain.
  const rate = Math.min(1, (before.failed + 1) / (before.requests + 2));
  return requests * rate + CHANCE * Math.sqrt(requests * rate * (1 - rate));
}

function sum(all: readonly Felt[]): Felt {
  return all.reduce(
    (total, each) => ({ requests: total.requests + each.requests, failed: total.failed + each.failed }),
    {
      requests: 0,
      failed: 0,
    },
  );
}
