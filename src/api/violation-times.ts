import { sql } from 'kysely';
import { fromIso, toIso } from '../base/clock.ts';
import type { Turn } from '../comply/turn.ts';
import type { MeasuredViolation } from '../evidence/violation-story.ts';
import type { Database, DatabaseTransaction } from '../store/database.ts';

/** Violations found earlier than this are on record, and no longer in the figures. */
const COUNTED_DAYS = 30;

/** How long violations of one tenant under one framework lasted, over the last 30 days. */
export interface ViolationTimes {
  readonly tenant: string;
  readonly framework: string;
  readonly found: number;
  readonly open: number;
  /** From the last good measurement until it was found: it may have begun at any time in between. Null: none was good. */
  readonly findMsMedian: number | null;
  readonly findMsMax: number | null;
  /** From there until a measurement showed it healed. Null: none is healed. */
  readonly healMsMedian: number | null;
  readonly healMsMax: number | null;
}

/** The last violation of one control for one tenant. Times are ISO 8601. */
export interface LastViolation {
  readonly tenant: string;
  readonly goodAt: string | null;
  readonly badAt: string;
  readonly foundAt: string;
  readonly healedAt: string | null;
}

/** Keeps what turns say of violations, in the transaction in which the turns are put on record. */
export async function noteViolations(tx: DatabaseTransaction, turns: readonly Turn[]): Promise<void> {
  for (const wave of wavesOf(turns)) {
    const begun = wave.flatMap((turn) => {
      const { tenant, framework, control, to, at, measured } = turn;
      if (to !== 'not-satisfied') return [];
      const goodAt = measured?.goodAt ?? null;
      const times = { bad_at: toIso(measured?.at ?? at), found_at: toIso(at) };
      return [{ tenant, framework, control, good_at: goodAt === null ? null : toIso(goodAt), ...times }];
    });
    if (begun.length > 0) {
      const open = sql<boolean>`healed_at is null`;
      await tx
        .insertInto('violation')
        .values(begun)
        .onConflict((conflict) => conflict.columns(['tenant', 'framework', 'control']).where(open).doNothing())
        .execute();
    }
    // What also asks for what nobody measures is never satisfied; its facts say that it is over.
    const healed = wave.filter(
      ({ to, measured }) => to === 'satisfied' || (to === 'unknown' && measured !== undefined),
    );
    if (healed.length > 0) await noteHealed(tx, healed);
  }
}

async function noteHealed(tx: DatabaseTransaction, turns: readonly Turn[]): Promise<void> {
  const rows = turns.map(({ tenant, framework, control, at, measured }) => {
    return { tenant, framework, control, at: toIso(measured?.at ?? at) };
  });
  await sql`
    update violation set healed_at = greatest(ended.at, violation.found_at)
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as ended (tenant text, framework text, control text, at timestamptz)
    where violation.healed_at is null and violation.tenant = ended.tenant and violation.framework = ended.framework
      and violation.control = ended.control`.execute(tx);
}

/** The first turn of each control, then the second of each: within a wave no control turns twice. */
function wavesOf(turns: readonly Turn[]): readonly (readonly Turn[])[] {
  const waves: Turn[][] = [];
  const seen = new Map<string, number>();
  for (const turn of turns) {
    const key = `${turn.tenant} ${turn.framework} ${turn.control}`;
    const wave = seen.get(key) ?? 0;
    seen.set(key, wave + 1);
    waves[wave] = [...(waves[wave] ?? []), turn];
  }
  return waves;
}

/** Of every tenant and framework that had a violation lately. Rejects when the database is away. */
export async function readViolationTimes(database: Pick<Database, 'kysely'>): Promise<readonly ViolationTimes[]> {
  const { rows } = await sql<Record<string, unknown>>`
    select tenant, framework, count(*)::int as found, count(*) filter (where healed_at is null)::int as open,
      percentile_cont(0.5) within group (order by extract(epoch from found_at - good_at)) * 1000 as find_median,
      max(extract(epoch from found_at - good_at)) * 1000 as find_max,
      percentile_cont(0.5) within group (order by extract(epoch from healed_at - good_at)) * 1000 as heal_median,
      max(extract(epoch from healed_at - good_at)) * 1000 as heal_max
    from violation where found_at > now() - make_interval(days => ${COUNTED_DAYS})
    group by tenant, framework order by tenant, framework`.execute(database.kysely);
  return rows.map((row) => ({
    tenant: String(row['tenant']),
    framework: String(row['framework']),
    found: Number(row['found']),
    open: Number(row['open']),
    findMsMedian: msOf(row['find_median']),
    findMsMax: msOf(row['find_max']),
    healMsMedian: msOf(row['heal_median']),
    healMsMax: msOf(row['heal_max']),
  }));
}

function msOf(value: unknown): number | null {
  return value === null || value === undefined ? null : Math.max(0, Math.round(Number(value)));
}

/** The last violation of a control, by tenant. */
export async function readLastViolations(
  database: Pick<Database, 'kysely'>,
  control: string,
): Promise<readonly LastViolation[]> {
  const rows = await database.kysely
    .selectFrom('violation')
    .distinctOn('tenant')
    .select(['tenant', 'good_at as goodAt', 'bad_at as badAt', 'found_at as foundAt', 'healed_at as healedAt'])
    .where('control', '=', control)
    .orderBy('tenant')
    .orderBy('found_at', 'desc')
    .execute();
  return rows;
}

/** Violations of one tenant under one framework that stood at some time between `from` and `to` (ISO 8601), oldest first. */
export async function readViolationsBetween(
  database: Pick<Database, 'kysely'>,
  { tenant, framework, from, to }: { tenant: string; framework: string; from: string; to: string },
): Promise<readonly MeasuredViolation[]> {
  const rows = await database.kysely
    .selectFrom('violation')
    .select(['control', 'good_at', 'bad_at', 'found_at', 'healed_at'])
    .where('tenant', '=', tenant)
    .where('framework', '=', framework)
    .where('found_at', '<=', to)
    .where((eb) => eb.or([eb('healed_at', 'is', null), eb('healed_at', '>=', from)]))
    .orderBy('found_at')
    .execute();
  const iso = (at: string) => toIso(fromIso(at));
  return rows.map(({ control, good_at, bad_at, found_at, healed_at }) => ({
    control,
    goodAt: good_at === null ? null : iso(good_at),
    badAt: iso(bad_at),
    foundAt: iso(found_at),
    healedAt: healed_at === null ? null : iso(healed_at),
  }));
}
