import { type Client, escapeIdentifier } from 'pg';
import type { Clock } from '../../base/clock.ts';
import type { Collector } from '../collector.ts';
import type { Fact, Measured } from '../fact.ts';
import { quotedName } from './expired-rows.ts';
import { reasonOf, unknown, Unmeasured, value } from './place-collector.ts';
import { inSession, type PostgresPlace, rowsOf } from './postgres-place.ts';
import { readTenantTables } from './row-security-catalog.ts';

/** Where a store keeps accounts. One that was closed has no row any more, or `closed` holds of it. */
export interface AccountTable {
  readonly table: string;
  /** Column with the time of the last login; of an account that nobody used yet that of its making. */
  readonly lastUsed: string;
  /** Boolean column; left out: accounts are removed. */
  readonly closed?: string | undefined;
}

/** A store whose workload says where its accounts are. */
export interface AccountStore extends PostgresPlace {
  readonly accounts: readonly AccountTable[];
}

export interface UnusedAccountsOptions {
  readonly stores: () => readonly AccountStore[];
  readonly tenants: () => readonly string[];
  readonly clock: Clock;
}

const NAME = 'unused-accounts';
const STORE_MS = 30_000;

/**
 * For how long the account of each tenant that was unused for longest has not been logged in to, of those that still work. Proven
 * is that of the declared columns; nothing is proven of accounts that are kept elsewhere.
 */
export function unusedAccounts({ stores, tenants, clock }: UnusedAccountsOptions): Collector {
  return {
    name: NAME,
    facts: ['auth.accounts.inactiveDays'],
    everyMs: 1_800_000,
    timeoutMs: 300_000,
    async collect(signal, keep = () => null) {
      const found: { readonly place: AccountStore; readonly oldest: Oldest }[] = [];
      for (const place of stores().filter(({ accounts }) => accounts.length > 0)) {
        found.push({ place, oldest: await oldestIn(place, clock.deadline(STORE_MS, signal)) });
      }
      const measuredAt = clock.now();
      return tenants().flatMap((name): readonly Fact[] => {
        const here = found.filter(({ place }) => place.tenants === 'all' || place.tenants.includes(name));
        if (here.length === 0) return [];
        const measured = measuredOf(
          name,
          here.map(({ oldest }) => oldest),
        );
        const evidence = keep({ collector: NAME, subject: name, readings: measured, transcript: null });
        const about = { subject: name, tenants: [name], collector: NAME, evidence };
        return [{ name: 'auth.accounts.inactiveDays', ...about, measured, measuredAt }];
      });
    },
  };
}

/** Days by tenant, or why they are not known. */
type Oldest = ReadonlyMap<string, number> | string;

function measuredOf(tenant: string, found: readonly Oldest[]): Measured {
  const blind = found.find((each) => typeof each === 'string');
  if (blind !== undefined) return unknown(blind);
  return value(Math.max(0, ...found.flatMap((each) => (typeof each === 'string' ? [] : (each.get(tenant) ?? [])))));
}

async function oldestIn(place: AccountStore, signal: AbortSignal): Promise<Oldest> {
  try {
    return await inSession(place, place.admin, signal, async (client) => {
      const oldest = new Map<string, number>();
      for (const each of place.accounts) {
        for (const { tenant, days } of await daysOf(client, place, each)) {
          oldest.set(tenant, Math.max(oldest.get(tenant) ?? 0, days));
        }
      }
      return oldest;
    });
  } catch (error) {
    return `${place.subject}: ${reasonOf(error)}`;
  }
}

async function daysOf(client: Client, place: AccountStore, { table, lastUsed, closed }: AccountTable) {
  const name = `${quotedName(place.schema)}.${quotedName(table)}`;
  const column = (await readTenantTables(client, place)).find((each) => each.table === name)?.column;
  if (column == null) throw new Unmeasured(`no policy says which column of ${table} names the tenant`);
  const open = closed === undefined ? '' : `where ${escapeIdentifier(closed)} is not true`;
  return rowsOf<{ tenant: string; days: number }>(
    client,
    `select ${escapeIdentifier(column)}::text as tenant,
            floor(extract(epoch from max(now() - ${escapeIdentifier(lastUsed)})) / 86400)::float8 as days
     from ${name} ${open} group by 1`,
  );
}
