import { type Client, escapeIdentifier } from 'pg';
import type { Clock } from '../../base/clock.ts';
import type { Collector } from '../collector.ts';
import type { Fact, Measured } from '../fact.ts';
import { reasonOf, unknown, Unmeasured, value } from './place-collector.ts';
import { inSession, type PostgresPlace } from './postgres-place.ts';
import { readTenantTables } from './row-security-catalog.ts';

export interface RegionalStore extends PostgresPlace {
  readonly region: string;
  /** Workload that serves it. */
  readonly server: string;
}

export interface TenantStoresOptions {
  readonly stores: () => readonly RegionalStore[];
  readonly tenants: () => readonly string[];
  readonly clock: Clock;
}

const NAME = 'tenant-stores';
const STORE_MS = 15_000;

/**
 * In which regions there are rows of each tenant, by looking for them in every store: also where none should be. Proven
 * of the declared stores and of rows that carry the tenant's name; not of what a store copies elsewhere by itself.
 */
export function tenantStores({ stores, tenants, clock }: TenantStoresOptions): Collector {
  return {
    name: NAME,
    facts: ['residency.stores'],
    everyMs: 60_000,
    timeoutMs: 110_000,
    async collect(signal) {
      const found = new Map<string, Set<string>>(tenants().map((name) => [name, new Set<string>()]));
      const astray = new Map<string, Astray[]>();
      let blind: string | undefined;
      for (const store of stores()) {
        try {
          const here = await tenantsIn(store, [...found.keys()], clock.deadline(STORE_MS, signal));
          for (const tenant of here) found.get(tenant)?.add(store.region);
          for (const tenant of here.filter((each) => !store.tenants.includes(each))) {
            const rows = await rowsOf(store, tenant, clock.deadline(STORE_MS, signal));
            astray.set(tenant, [...(astray.get(tenant) ?? []), { store: store.subject, rows }]);
          }
        } catch (error) {
          blind ??= `${store.subject} could not be looked at: ${reasonOf(error)}`;
        }
      }
      if (stores().length === 0) blind = 'no store can be looked at';
      return [...found].map(([subject, regions]): Fact => {
        const measured =
          blind === undefined ? measuredOf([...regions].toSorted(), astray.get(subject) ?? []) : unknown(blind);
        const place = { subject, tenants: [subject], collector: NAME, evidence: null };
        return { name: 'residency.stores', ...place, measured, measuredAt: clock.now() };
      });
    },
  };
}

/** Rows of a tenant in a store of a region that it does not permit: `2 rows in records.notes`. */
interface Astray {
  readonly store: string;
  readonly rows: readonly string[];
}

function measuredOf(regions: readonly string[], astray: readonly Astray[]): Measured {
  if (astray.length === 0) return value(regions);
  const detail = astray.map(({ store, rows }) => `${rows.join(', ')} of ${store}`).join('; ');
  return { kind: 'value', value: regions, detail, where: astray.map(({ store }) => store) };
}

/** More are not counted. */
const ROWS_MAX = 10_000;

/** How many rows a tenant has in each table of a store: counted, and never read. */
function rowsOf(store: PostgresPlace, tenant: string, signal: AbortSignal): Promise<readonly string[]> {
  return inSession(store, store.admin, signal, async (client) => {
    const counted: string[] = [];
    for (const { table, column } of await readTenantTables(client, store)) {
      if (column === null) continue;
      const limited = `select from ${table} where ${escapeIdentifier(column)} = $1 limit ${ROWS_MAX + 1}`;
      const { rows } = await client.query<{ n: number }>(`select count(*)::int as n from (${limited}) as own`, [
        tenant,
      ]);
      const n = rows[0]?.n ?? 0;
      const many = n > ROWS_MAX ? `more than ${ROWS_MAX} rows` : `${n} ${n === 1 ? 'row' : 'rows'}`;
      if (n > 0) counted.push(`${many} in ${table}`);
    }
    return counted;
  });
}

/** Of these, who has rows in a store. Rejects where that cannot be told. */
export function tenantsIn(
  store: PostgresPlace,
  tenants: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  return inSession(store, store.admin, signal, async (client) => {
    const found = new Set<string>();
    const tables = await readTenantTables(client, store);
    if (!tables.some(({ column }) => column !== null))
      throw new Unmeasured('no policy says which column names the tenant');
    for (const { table, column, columnType } of tables) {
      if (column === null) continue;
      for (const tenant of await namesIn(client, table, column, columnType, tenants)) found.add(tenant);
    }
    return [...found];
  });
}

/** One look for each name, which an index answers; a list of all values would read the whole table. */
async function namesIn(client: Client, table: string, column: string, type: string | null, tenants: readonly string[]) {
  if (!/^(?:text|character)/.test(type ?? ''))
    throw new Unmeasured(`the column of the tenant in ${table} is of type ${type}, and names are text`);
  const { rows } = await client.query<{ name: string }>(
    `select name from unnest($1::text[]) as name
     where exists (select from ${table} where ${escapeIdentifier(column)} = name)`,
    [tenants],
  );
  return rows.map(({ name }) => name);
}
