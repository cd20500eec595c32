import { sql } from 'kysely';
import { type Clock, fromIso } from '../base/clock.ts';
import type { World } from '../drivers/world.ts';
import type { Collector } from '../observe/collector.ts';
import type { Fact, Measured } from '../observe/fact.ts';
import type { ServiceTally } from '../observe/service-tally.ts';
import { GOOD_DRILL_OUTCOMES } from '../resources/drill-outcome.ts';
import type { Database } from '../store/database.ts';
import { fencedTransaction, type LeaderLease } from '../store/lease.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const AVAILABILITY_DAYS = 30;
const OUTAGE_DAYS = 90;
const TIMEOUT_MS = 10_000;

export interface RecordFactsOptions {
  readonly database: Database;
  readonly lease: LeaderLease;
  readonly world: World;
  readonly tally: ServiceTally;
  readonly clock: Clock;
}

/** What is proven by what is on record in PostgreSQL, and puts there what is to be proven later. */
export function recordCollectors(options: RecordFactsOptions): readonly Collector[] {
  return [
    {
      name: 'service-record',
      facts: ['resilience.availability', 'resilience.rtoMs'],
      everyMs: 15_000,
      timeoutMs: TIMEOUT_MS,
      collect: () => serviceFacts(options),
    },
    {
      name: 'drill-record',
      facts: ['drill.ageDays', 'controls.failure.detectMinutes'],
      everyMs: 60_000,
      timeoutMs: TIMEOUT_MS,
      collect: () => drillFacts(options),
    },
  ];
}

interface Service {
  readonly tenant: string;
  readonly answered: number;
  readonly failed: number;
  readonly outageMs: number;
}

async function serviceFacts({ database, lease, tally, world, clock }: RecordFactsOptions): Promise<readonly Fact[]> {
  await putOnRecord(database, lease, tally);
  const { rows } = await sql<Service>`
    select tenant, max(outage_ms)::float8 as "outageMs",
      coalesce(sum(answered) filter (where day > current_date - ${AVAILABILITY_DAYS}::int), 0)::float8 as answered,
      coalesce(sum(failed) filter (where day > current_date - ${AVAILABILITY_DAYS}::int), 0)::float8 as failed
    from service_day where day > current_date - ${OUTAGE_DAYS}::int group by tenant`.execute(database.kysely);
  const served = new Map(rows.map((row) => [row.tenant, row]));
  const measuredAt = clock.now();
  return world.declared.tenants.flatMap(({ metadata: { name } }): Fact[] => {
    const about = { subject: name, tenants: [name], measuredAt, collector: 'service-record', evidence: null };
    const { answered = 0, failed = 0, outageMs = 0 } = served.get(name) ?? {};
    const none: Measured = { kind: 'unknown', reason: 'no request of it is on record' };
    const asked = answered + failed > 0;
    const availability: Measured = asked ? { kind: 'value', value: answered / (answered + failed) } : none;
    const longest: Measured = served.has(name) ? { kind: 'value', value: outageMs } : none;
    return [
      { name: 'resilience.availability', ...about, measured: availability },
      { name: 'resilience.rtoMs', ...about, measured: longest },
    ];
  });
}

/** Only the leader writes; what another replica heard is heard by the leader too. Days out of reach go. */
async function putOnRecord(database: Database, lease: LeaderLease, tally: ServiceTally): Promise<void> {
  const counts = tally.drain();
  if (!lease.current() || counts.length === 0) return;
  try {
    await fencedTransaction(database, lease, async (tx) => {
      const rows = counts.map(({ outageMs, ...each }) => ({ ...each, outage_ms: Math.round(outageMs) }));
      await tx
        .insertInto('service_day')
        .values(rows)
        .onConflict((conflict) =>
          conflict.columns(['tenant', 'day']).doUpdateSet({
            answered: sql`service_day.answered + excluded.answered`,
            failed: sql`service_day.failed + excluded.failed`,
            outage_ms: sql`greatest(service_day.outage_ms, excluded.outage_ms)`,
          }),
        )
        .execute();
      await sql`delete from service_day where day <= current_date - ${OUTAGE_DAYS}::int`.execute(tx);
    });
  } catch (error) {
    tally.restore(counts);
    throw error;
  }
}

interface Drills {
  readonly last: string | null;
  readonly slowestMs: number | null;
}

/**
 * The age of the last drill that showed what it was for, and the longest that a violation on purpose took to be found in 90
 * days: what drills prove of failures that nobody planned.
 */
async function drillFacts({ database, clock }: RecordFactsOptions): Promise<readonly Fact[]> {
  const { rows } = await sql<Drills>`
    select max(ended_at) as last,
      (max((result ->> 'detectedMs')::float8)
        filter (where jsonb_array_length(result -> 'controls') > 0
                  and ended_at > now() - make_interval(days => ${OUTAGE_DAYS}))) as "slowestMs"
    from drill where result ->> 'outcome' = any (${[...GOOD_DRILL_OUTCOMES]})`.execute(database.kysely);
  const { last, slowestMs } = rows[0] ?? { last: null, slowestMs: null };
  const about = { tenants: 'all' as const, collector: 'drill-record', evidence: null, measuredAt: clock.now() };
  const none = (reason: string): Measured => ({ kind: 'unknown', reason });
  const age: Measured = last
    ? { kind: 'value', value: Math.max(0, clock.now() - fromIso(last)) / DAY_MS }
    : none('no drill that passed is on record');
  const found: Measured =
    slowestMs === null
      ? none('no violation was drilled in 90 days')
      : { kind: 'value', value: Math.max(0, slowestMs) / MINUTE_MS };
  return [
    { name: 'drill.ageDays', subject: 'drills', ...about, measured: age },
    { name: 'controls.failure.detectMinutes', subject: 'drills', ...about, measured: found },
  ];
}
