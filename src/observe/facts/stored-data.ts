import type { Client } from 'pg';
import type { Clock } from '../../base/clock.ts';
import type { Collector } from '../collector.ts';
import { countCardNumbers } from './card-number.ts';
import { countCardSecrets } from './card-secret.ts';
import { type ColumnSample, sampleColumns } from './column-samples.ts';
import { counted, placeCollector } from './place-collector.ts';
import { inSession, type PostgresPlace, rowsOf } from './postgres-place.ts';
import { formOf, type PersonalForm, valuesOf } from './value-form.ts';

/** A store with what its workload says of the data in it. */
export interface DescribedStore extends PostgresPlace {
  /** Columns that are declared to hold personal data, or to be encrypted. */
  readonly described: readonly { readonly table: string; readonly column: string }[];
  /** Roles of every workload on the server. */
  readonly applications: readonly string[];
}

/** What a column seems to hold that nobody declared. */
interface Suspicion {
  readonly column: string;
  readonly looksLike: PersonalForm;
}

interface Seen {
  readonly undeclared: readonly Suspicion[];
  readonly cardSecrets: readonly { readonly column: string; readonly hits: number }[];
  readonly cardTables: readonly string[];
  readonly readers: readonly string[];
}

/** A form counts when so many different values have it, and this share of all: one that looks so by chance does not. */
const DISTINCT_MIN = 5;
const SHARE_MIN = 0.6;
/** Names of columns with the number of a card itself, and not of what is shown or used in its place. */
const CARD_NAME = /(?:^|_)(?:pan|card_?(?:number|num|no)|credit_?card)(?:$|_)/i;
const STAND_IN = /last|mask|token|hash|digest|fingerprint|type|brand|id$/i;

/**
 * What a sample of each column of a store looks like: personal data in columns that nobody declared, what must not be kept of
 * a card, and who reads cards past the application. Columns and counts are told, and no value. A form that is not known, a
 * value within a sentence, and rows outside of the sample are not seen.
 */
export function storedData({
  stores,
  clock,
}: {
  readonly stores: () => readonly DescribedStore[];
  readonly clock: Clock;
}): Collector {
  return placeCollector({
    name: 'stored-data',
    facts: ['personal.undeclared.columns', 'card.authentication.stored', 'access.direct.roles'],
    everyMs: 1_800_000,
    timeoutMs: 600_000,
    placeMs: 60_000,
    places: stores,
    clock,
    look: async (store, signal) => {
      const seen = await inSession(store, store.admin, signal, (client) => look(client, store));
      const readings = {
        'personal.undeclared.columns': counted(
          seen.undeclared.map(({ column, looksLike }) => `${column} (${looksLike})`),
        ),
        'card.authentication.stored': counted(
          seen.cardSecrets.map(({ column }) => column),
          seen.cardSecrets.reduce((sum, { hits }) => sum + hits, 0),
        ),
        'access.direct.roles': counted(seen.readers),
      };
      return { readings, transcript: seen };
    },
  });
}

async function look(client: Client, store: DescribedStore): Promise<Seen> {
  const undeclared: Suspicion[] = [];
  const cardSecrets: { column: string; hits: number }[] = [];
  const cardTables = new Set<string>();
  for await (const sample of sampleColumns(client, store.schema)) {
    const column = `${sample.relation}.${sample.column}`;
    const isDescribed = store.described.some((each) => `${each.table}.${each.column}` === column);
    const looksLike = isDescribed ? undefined : formIn(sample);
    if (looksLike) undeclared.push({ column, looksLike });
    const values = sample.texts.flatMap((text) => valuesOf(sample.column, text));
    const hits = values.reduce((sum, each) => sum + countCardSecrets(each), 0);
    if (hits > 0) cardSecrets.push({ column, hits });
    if (isCardColumn(sample)) cardTables.add(sample.table);
  }
  const readers = await directReaders(
    client,
    [...cardTables],
    [...store.applications, ...store.operators, store.admin.user],
  );
  return { undeclared, cardSecrets, cardTables: [...cardTables], readers };
}

/** The form that most values have which stand under the same names. */
function formIn({ column, texts }: ColumnSample): PersonalForm | undefined {
  const groups = Map.groupBy(
    texts.flatMap((text) => valuesOf(column, text)),
    ({ names }) => names.join('\n'),
  );
  for (const values of groups.values()) {
    const forms = Map.groupBy(values, formOf);
    for (const [form, found] of forms) {
      const distinct = new Set(found.map(({ text }) => text)).size;
      if (form && distinct >= DISTINCT_MIN && found.length >= values.length * SHARE_MIN) return form;
    }
  }
  return undefined;
}

function isCardColumn({ column, texts }: ColumnSample): boolean {
  if (CARD_NAME.test(column) && !STAND_IN.test(column)) return true;
  return texts.some((text) => countCardNumbers(text) > 0);
}

/** Who may log in and read them, owners and superusers included. A policy of rows hinders nobody who can name the tenant. */
async function directReaders(client: Client, tables: readonly string[], known: readonly string[]) {
  const rows = await rowsOf<{ name: string }>(
    client,
    `select r.rolname as name from pg_roles r
     where r.rolcanlogin and r.rolname <> all ($2::text[])
       and exists (select from unnest($1::text[]) t where has_any_column_privilege(r.oid, t::regclass, 'SELECT'))
     order by 1`,
    [tables, known],
  );
  return rows.map(({ name }) => name);
}
