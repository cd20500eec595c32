import { type Scenario, scenarioSchema } from '../../scenarios/scenario.ts';

type Words = Record<string, unknown>;

/** A small fleet for tests of single mechanics: an API of three, a database behind it, two tenants. */
export function scenarioOf(more: { readonly fleet?: Words; readonly runs?: string } & Words): Scenario {
  const { fleet, ...rest } = more;
  return scenarioSchema.parse({
    scenario: 'mechanics',
    pack: 'sim',
    title: 'One mechanic',
    runs: '5m',
    noise: { errors: 0 },
    fleet: {
      workloads: {
        api: { instances: { eu: 3 }, route: '/api', dependsOn: ['db'] },
        db: { instances: { eu: 1 }, capacity: 1_000, replacement: 'in-place', keepsData: true },
      },
      tenants: { shop: { regions: ['eu'] }, clinic: { regions: ['eu'] } },
      ...fleet,
    },
    expect: {},
    ...rest,
  });
}

/** Sums over what tenants felt from one time to another, in seconds from the start. */
export function feltBetween(
  felt: Readonly<Record<string, readonly { at: number; requests: number; failed: number; slow: number }[]>>,
  fromS: number,
  untilS: number,
) {
  const sum = { requests: 0, failed: 0, slow: 0 };
  for (const buckets of Object.values(felt)) {
    for (const each of buckets) {
      if (each.at < fromS * 1_000 || each.at >= untilS * 1_000) continue;
      sum.requests += each.requests;
      sum.failed += each.failed;
      sum.slow += each.slow;
    }
  }
  return { ...sum, failedShare: sum.requests === 0 ? 0 : sum.failed / sum.requests };
}
