import { type Client, escapeIdentifier } from 'pg';
import type { Clock } from '../../base/clock.ts';
import type { Collector } from '../collector.ts';
import type { Fact, Measured } from '../fact.ts';
import { reasonOf, unknown, Unmeasured, value } from './place-collector.ts';
import { inSession, type PostgresPlace, rowsOf } from './postgres-place.ts';
import { readTenantTables, type TenantTable } from './row-security-catalog.ts';

/** How long rows of a table may be kept. Without `time` they have no end of their own, for the reason that is given. */
export interface Keeping {
  readonly table: string;
  readonly time?: string | undefined;
  readonly class: string;
  readonly keepDays?: number | undefined;
}

/** A store whose workload says how long its rows may be kept. */
export interface KeptStore extends PostgresPlace {
  readonly retention: readonly Keeping[];
}

/** A tenant, and what was agreed with it, by class, in the place of what the workload says. */
export interface RetentionTenant {
  readonly name: string;
  readonly keepDays: Readonly<Record<string, number>>;
}

export interface ExpiredRowsOptions {
  readonly stores: () => readonly KeptStore[];
  readonly tenants: () => readonly RetentionTenant[];
  readonly clock: Clock;
}

const NAME = 'expired-rows';
const STORE_MS = 30_000;
/** More are told as so many. */
const COUNT_MAX = 10_000;
/** A purge that runs once a day is in time. */
const GRACE_DAYS = 1;

/**
 * Rows of each tenant that are older than their class may be, a day of grace for the purge included. A table with rows of
 * tenants of which nobody says how long they may be kept makes the fact unknown, unless others have expired. Proven is that of
 * the declared columns of time; nothing is proven of copies, backups and logs.
 */
export function expiredRows({ stores, tenants, clock }: ExpiredRowsOptions): Collector {
  return {
    name: NAME,
    facts: ['retention.expired.rows'],
    everyMs: 1_800_000,
    timeoutMs: 300_000,
    async collect(signal, keep = () => null) {
      const places = stores();
      const found: Expired[] = [];
      for (const place of places) found.push(await expiredIn(place, tenants(), clock.deadline(STORE_MS, signal)));
      const measuredAt = clock.now();
      return tenants().flatMap(({ name }): readonly Fact[] => {
        const here = found.filter(({ place }) => place.tenants === 'all' || place.tenants.includes(name));
        if (here.length === 0) return [];
        const measured = measuredOf(name, here);
        const transcript = here.map(({ place, counts, blind }) => {
          const own = counts.filter(({ tenant }) => tenant === name);
          return { store: place.subject, blind, tables: own.map(({ table, rows }) => ({ table, rows })) };
        });
        const evidence = keep({ collector: NAME, subject: name, readings: measured, transcript });
        const about = { subject: name, tenants: [name], collector: NAME, evidence };
        return [{ name: 'retention.expired.rows', ...about, measured, measuredAt }];
      });
    },
  };
}

interface Expired {
  readonly place: KeptStore;
  readonly counts: readonly { readonly tenant: string; readonly table: string; readonly rows: number }[];
  readonly blind: string | undefined;
}

function measuredOf(tenant: string, found: readonly Expired[]): Measured {
  const rows = found.flatMap(({ counts }) => counts.filter((each) => each.tenant === tenant).map((each) => each.rows));
  const sum = rows.reduce((total, each) => total + each, 0);
  const blind = found.find((each) => each.blind !== undefined);
  return sum === 0 && blind ? unknown(`${blind.place.subject}: ${blind.blind}`) : value(sum);
}

async function expiredIn(place: KeptStore, tenants: readonly RetentionTenant[], signal: AbortSignal): Promise<Expired> {
  const counts: { tenant: string; table: string; rows: number }[] = [];
  try {
    const blind = await inSession(place, place.admin, signal, async (client) => {
      const tables = (await readTenantTables(client, place)).filter(({ holdsRows }) => holdsRows !== false);
      for (const table of tables) counts.push(...(await countsOf(client, place, table, tenants)));
      const untold = tables.find((table) => !keepingOf(place, table));
      return untold && `nobody says how long rows of ${untold.table} may be kept`;
    });
    return { place, counts, blind };
  } catch (error) {
    return { place, counts, blind: reasonOf(error) };
  }
}

function keepingOf({ schema, retention }: KeptStore, { table }: TenantTable): Keeping | undefined {
  return retention.find((each) => table === `${quotedName(schema)}.${quotedName(each.table)}`);
}

/** As `format('%I')` of PostgreSQL writes it. */
export function quotedName(name: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(name) ? name : escapeIdentifier(name);
}

async function countsOf(
  client: Client,
  place: KeptStore,
  table: TenantTable,
  tenants: readonly RetentionTenant[],
): Promise<{ tenant: string; table: string; rows: number }[]> {
  const keeping = keepingOf(place, table);
  if (!keeping || keeping.time === undefined) return [];
  if (table.column === null) throw new Unmeasured(`no policy says which column of ${table.table} names the tenant`);
  const counts: { tenant: string; table: string; rows: number }[] = [];
  for (const { name, keepDays } of tenants) {
    const days = keepDays[keeping.class] ?? keeping.keepDays;
    if (days === undefined) continue;
    const [row] = await rowsOf<{ rows: number }>(
      client,
      `select count(*)::int as rows from (
         select from ${table.table}
         where ${escapeIdentifier(table.column)}::text = $1
           and ${escapeIdentifier(keeping.time)} < now() - $2 * interval '1 day' limit ${COUNT_MAX}) as expired`,
      [name, days + GRACE_DAYS],
    );
    counts.push({ tenant: name, table: table.table, rows: row?.rows ?? 0 });
  }
  return counts;
}
