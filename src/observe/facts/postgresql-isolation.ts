import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import type { FactName } from '../../resources/fact-kinds.ts';
import type { Collector } from '../collector.ts';
import type { Measured } from '../fact.ts';
import { readCopies } from './copied-tables.ts';
import { readStrayCopies } from './other-databases.ts';
import { probeIsolation, type Suspects, type TableProbe } from './isolation-probe.ts';
import { counted, type Look, placeCollector, reasonOf, Unmeasured, unknown, value } from './place-collector.ts';
import { inSession, type Login, type PostgresPlace } from './postgres-place.ts';
import { readBypasses, readFilteringViews, readTenantTables } from './row-security-catalog.ts';

const FACTS: readonly FactName[] = [
  'rls.policies.missing',
  'rls.roles.bypassing',
  'rls.views.bypassing',
  'rls.truncate.granted',
  'rls.keys.leaking',
  'isolation.sql.foreignRows',
];

export interface PostgresqlIsolationOptions {
  readonly places: () => readonly PostgresPlace[];
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Isolation of tenants by row-level security: what the catalog says of ways around it, and what two canary tenants can see
 * and do to each other with the application's own role. Nothing is proven of functions that extensions brought or that are
 * written in C, of databases of the server into which its administrator may not, and of what the application does with rows once
 * it has them.
 */
export function postgresqlIsolation({ places, clock, random }: PostgresqlIsolationOptions): Collector {
  return placeCollector({
    name: 'postgresql-isolation',
    facts: FACTS,
    everyMs: 60_000,
    timeoutMs: 120_000,
    placeMs: 20_000,
    places: () => places().filter(({ rowSecurity }) => rowSecurity),
    clock,
    look: (place, signal) => lookAt(place, signal, random),
  });
}

async function lookAt(place: PostgresPlace, signal: AbortSignal, random: Random): Promise<Look> {
  const { role } = place;
  if (!role) throw new Unmeasured('the store does not say as whom its workload logs in');
  const { tables, bypasses, copies, unseen, filtering } = await inSession(
    place,
    place.admin,
    signal,
    async (client) => {
      const tables = await readTenantTables(client, place);
      const bypasses = await readBypasses(client, role.user, tables);
      const strays = await readStrayCopies(client, place, signal, 'open');
      const elsewhere = strays.copies.map(({ database, table }) => `${table} of database ${database}`);
      const copies = [...(await readCopies(client, place, tables)), ...elsewhere];
      const filtering = await readFilteringViews(client, tables);
      return { tables, bypasses, copies, unseen: strays.unseen, filtering };
    },
  );
  if (tables.length === 0) throw new Unmeasured('the schema has none of the tables');
  const suspected = filtering.filter(({ name }) => bypasses.views.includes(name));
  const probe = await probed(place, role, { tables, views: suspected }, signal, random);
  const apart = new Set(probe.probes.flatMap(({ viewsApart }) => viewsApart));
  const views = bypasses.views.filter((name) => !apart.has(name));
  const missing = tables.filter(({ unguarded }) => unguarded.length > 0).map(({ table }) => table);
  const doors = probe.probes.flatMap(({ table, backDoor }) =>
    backDoor === null ? [] : [`${table}, whose policies let everybody in who sets ${backDoor}`],
  );
  return {
    readings: {
      'rls.policies.missing': countedUnless(unseen, [...missing, ...doors, ...copies]),
      'rls.roles.bypassing': counted(bypasses.roles),
      'rls.views.bypassing': countedUnless(unreadReason(bypasses.unread), [...views, ...bypasses.functions]),
      'rls.truncate.granted': counted(bypasses.grants),
      'rls.keys.leaking': counted(bypasses.keys),
      'isolation.sql.foreignRows': probe.measured,
    },
    transcript: { tables, copies, bypasses, probes: probe.probes },
  };
}

/** What is sure counts. Where nothing is, and something was not seen, nothing is known. */
function countedUnless(unseen: string | null, found: readonly string[]): Measured {
  return found.length === 0 && unseen !== null ? unknown(unseen) : counted(found);
}

/** Why nothing is proven by functions of which nobody can tell what they read; null when there is none. */
function unreadReason(unread: readonly string[]): string | null {
  if (unread.length === 0) return null;
  return `nobody can tell which tables the text reads that ${unread.slice(0, 3).join(', ')} makes and runs as its owner`;
}

async function probed(
  place: PostgresPlace,
  role: Login,
  suspects: Suspects,
  signal: AbortSignal,
  random: Random,
): Promise<{ readonly measured: Measured; readonly probes: readonly TableProbe[] }> {
  try {
    const probes = await inSession(place, role, signal, (client) => {
      const isSilo = place.tenants !== 'all' && place.tenants.length === 1;
      return probeIsolation(client, suspects, random, isSilo);
    });
    const open = probes.filter(({ foreignRows }) => foreignRows > 0);
    const foreign = open.reduce((sum, { foreignRows }) => sum + foreignRows, 0);
    const unproven = probes.find((probe) => probe.unproven !== null);
    if (foreign > 0) {
      const detail = open.map(({ table }) => table).join('; ');
      return { measured: { kind: 'value', value: foreign, detail }, probes };
    }
    if (!unproven) return { measured: value(0), probes };
    return { measured: unknown(`nothing is proven of ${unproven.table}: ${unproven.unproven}`), probes };
  } catch (error) {
    return { measured: unknown(`the application's role could not try: ${reasonOf(error)}`), probes: [] };
  }
}
