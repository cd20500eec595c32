import { type Client, escapeIdentifier } from 'pg';
import { request } from 'undici';
import { z } from 'zod';
import { type Clock, fromIso } from '../../base/clock.ts';
import { newId } from '../../base/ids.ts';
import type { Random } from '../../base/random.ts';
import type { FactName } from '../../resources/fact-kinds.ts';
import type { Collector } from '../collector.ts';
import type { Fact, Measured } from '../fact.ts';
import { boundedText } from './bounded-text.ts';
import { reasonOf, unknown, Unmeasured, value } from './place-collector.ts';
import { inSession, type PostgresPlace, rowsOf } from './postgres-place.ts';

/** A store with encrypted columns, and who tells of their keys. */
export interface KeyedStore extends PostgresPlace {
  readonly encrypted: readonly {
    readonly table: string;
    readonly column: string;
    readonly keyColumn?: string | undefined;
  }[];
  readonly keys:
    | { readonly path: string; readonly keptIn: readonly string[]; readonly holders: readonly string[] }
    | undefined;
  /** An instance of its workload in the same region. */
  readonly instance: { readonly host: string; readonly port: number } | undefined;
}

export interface ColumnKeysOptions {
  readonly stores: () => readonly KeyedStore[];
  readonly clock: Clock;
  readonly random: Random;
}

const NAME = 'column-keys';
const STORE_FACTS = ['encryption.keys.managed', 'encryption.keys.ageDays', 'encryption.keys.grants'] as const;
const STORE_MS = 30_000;
const ANSWER_MAX = 256 * 1024;
const IDS_MAX = 1_000;
const SAMPLE = 500;
const DAY_MS = 86_400_000;

/** What a workload answers at its `keys.path`: every key that it can use. What it does not say of one is unknown. */
const listSchema = z.object({
  keys: z
    .array(
      z.object({
        id: z.string().min(1).max(200),
        createdAt: z.iso.datetime({ offset: true }).optional(),
        keptIn: z.string().optional(),
        holders: z.array(z.string()).optional(),
      }),
    )
    .max(IDS_MAX),
});
type Key = z.output<typeof listSchema>['keys'][number];

/**
 * The keys of encrypted columns: those whose id stands beside or before stored values are in use, and of each the workload
 * says how old it is, where it is kept and who may use it. Measured is which keys are in use; what is said of them is the
 * workload's word.
 */
export function columnKeys({ stores, clock, random }: ColumnKeysOptions): Collector {
  return {
    name: NAME,
    facts: STORE_FACTS,
    everyMs: 600_000,
    timeoutMs: 300_000,
    async collect(signal, keep = () => null) {
      const found: Looked[] = [];
      for (const place of stores().filter(({ encrypted }) => encrypted.length > 0)) {
        found.push({ place, ...(await lookAt(place, random, clock.deadline(STORE_MS, signal))) });
      }
      const measuredAt = clock.now();
      const about = (subject: string, readings: unknown, transcript: unknown) => {
        const evidence = keep({ collector: NAME, subject, readings, transcript });
        return { subject, measuredAt, collector: NAME, evidence };
      };
      const ofStores = found.flatMap(({ place, keys, blind }) => {
        const readings = readingsOf(place, keys, blind, measuredAt);
        const base = about(place.subject, readings, { keys, blind });
        return STORE_FACTS.map((name): Fact => ({ ...base, name, tenants: place.tenants, measured: readings[name] }));
      });
      return ofStores;
    },
  };
}

interface InUse {
  readonly keys: readonly Key[];
  readonly blind: string | undefined;
}

interface Looked extends InUse {
  readonly place: KeyedStore;
}

async function lookAt(place: KeyedStore, random: Random, signal: AbortSignal): Promise<InUse> {
  try {
    const listed = await listOf(place, random, signal);
    const ids = await inSession(place, place.admin, signal, (client) => idsIn(client, place));
    if (ids.size === 0) throw new Unmeasured('its encrypted columns hold nothing yet');
    const keys = listed.filter(({ id }) => ids.has(id));
    if (keys.length < ids.size)
      throw new Unmeasured(
        `${ids.size - keys.length} of the keys that values name are not in the list of the workload`,
      );
    return { keys, blind: undefined };
  } catch (error) {
    return { keys: [], blind: reasonOf(error) };
  }
}

async function listOf({ keys, instance }: KeyedStore, random: Random, signal: AbortSignal): Promise<readonly Key[]> {
  if (!keys) throw new Unmeasured('the store does not say who tells of its keys');
  if (!instance) throw new Unmeasured('no instance of its workload is ready to tell of its keys');
  const answer = await request(`http://${instance.host}:${instance.port}${keys.path}`, {
    headers: { 'user-agent': 'kintsugi-canary', 'x-request-id': newId('req', random) },
    signal,
    reset: true,
  });
  const text = await boundedText(answer.body, ANSWER_MAX);
  if (answer.statusCode !== 200)
    throw new Unmeasured(`its workload answered ${answer.statusCode} when asked for its keys`);
  const list = listSchema.safeParse(parsed(text));
  if (!list.success) throw new Unmeasured('what its workload tells of its keys has another form than is agreed');
  return list.data.keys;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The keys that values name: in a column beside them, for all rows, else before them, in the newest and the oldest. */
async function idsIn(client: Client, { schema, encrypted }: KeyedStore): Promise<ReadonlySet<string>> {
  const ids = new Set<string>();
  for (const { table, column, keyColumn } of encrypted) {
    const from = `${escapeIdentifier(schema)}.${escapeIdentifier(table)}`;
    const [value, key] = [escapeIdentifier(column), keyColumn && escapeIdentifier(keyColumn)];
    const text = key
      ? `select distinct ${key}::text as text from ${from} where ${value} is not null limit ${IDS_MAX}`
      : `select left(text, 200) as text from (
           (select ${value}::text as text from ${from} where ${value} is not null order by ctid desc limit ${SAMPLE}) union all
           (select ${value}::text from ${from} where ${value} is not null order by ctid limit ${SAMPLE})) as sample`;
    for (const row of await rowsOf<{ text: string | null }>(client, text)) {
      const id = key ? row.text : headerOf(row.text ?? '');
      if (!id) throw new Unmeasured(`values of ${table}.${column} do not say by which key they were encrypted`);
      ids.add(id);
    }
  }
  return ids;
}

/** `v1:...`, `vault:v1:...`. */
function headerOf(text: string): string | undefined {
  return /^([\w-]{1,40}(?::[\w-]{1,20})?):[\w+/=-]{16,}/.exec(text)?.[1];
}

function readingsOf({ keys: spec }: KeyedStore, keys: readonly Key[], blind: string | undefined, now: number) {
  const all = (measured: Measured): Readonly<Record<(typeof STORE_FACTS)[number], Measured>> => ({
    'encryption.keys.managed': measured,
    'encryption.keys.ageDays': measured,
    'encryption.keys.grants': measured,
  });
  if (blind !== undefined || !spec) return all(unknown(blind ?? 'the store does not say who tells of its keys'));
  const untold = (what: string) => unknown(`its workload does not tell ${what}`);
  const strangers = new Set(keys.flatMap(({ holders = [] }) => holders.filter((each) => !spec.holders.includes(each))));
  const isElsewhere = keys.some(({ keptIn }) => keptIn !== undefined && !spec.keptIn.includes(keptIn));
  const isManaged = keys.every(({ keptIn }) => keptIn !== undefined);
  const ages = keys.map(({ createdAt }) => (createdAt === undefined ? Number.NaN : now - fromIso(createdAt)));
  return {
    'encryption.keys.managed': isElsewhere || isManaged ? value(!isElsewhere) : untold('where each key is kept'),
    'encryption.keys.ageDays': ages.some(Number.isNaN) ? untold('how old each key is') : value(oldest(ages)),
    'encryption.keys.grants': keys.every(({ holders }) => holders)
      ? value(strangers.size)
      : untold('who may use each key'),
  } satisfies Partial<Record<FactName, Measured>>;
}

function oldest(agesMs: readonly number[]): number {
  return Math.max(0, ...agesMs) / DAY_MS;
}
