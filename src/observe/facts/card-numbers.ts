import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Client, escapeIdentifier } from 'pg';
import type { Clock } from '../../base/clock.ts';
import type { Collector } from '../collector.ts';
import { countCardNumbers } from './card-number.ts';
import { sampleColumns } from './column-samples.ts';
import type { Measured } from '../fact.ts';
import { counted, placeCollector } from './place-collector.ts';
import { inSession, type PostgresPlace } from './postgres-place.ts';

/** Bytes at the end of one file. */
const FILE_BYTES = 4 * 1024 * 1024;
const FILES_MAX = 200;

/** How many numbers were found where; never which. */
interface Found {
  readonly place: string;
  readonly hits: number;
}

/**
 * Full card numbers in a sample of every column of text of each store. What is found is counted by its column and is
 * copied nowhere. A sample that is clean proves nothing of the rows outside of it.
 */
export function storedCardNumbers({
  places,
  clock,
}: {
  readonly places: () => readonly PostgresPlace[];
  readonly clock: Clock;
}): Collector {
  return placeCollector({
    name: 'stored-card-numbers',
    facts: ['card.stored.plaintext'],
    everyMs: 1_800_000,
    timeoutMs: 600_000,
    placeMs: 60_000,
    places,
    clock,
    look: async (place, signal) => {
      const found = await inSession(place, place.admin, signal, (client) => scanColumns(client, place.schema));
      return { readings: { 'card.stored.plaintext': told(found) }, transcript: found };
    },
  });
}

async function scanColumns(client: Client, schema: string): Promise<readonly Found[]> {
  const found: Found[] = [];
  for await (const { table, column, texts } of sampleColumns(client, schema)) {
    const hits = texts.reduce((sum, text) => sum + countCardNumbers(text), 0);
    if (hits > 0) found.push({ place: `${table}.${escapeIdentifier(column)}`, hits });
  }
  return found;
}

/** What was found in a log, and of which state of the file. */
interface Looked {
  readonly mark: string;
  readonly hits: number;
}

/** Full card numbers at the ends of the logs in a folder. A log that did not change since the last look is not read again. */
export function loggedCardNumbers({ folder, clock }: { readonly folder: string; readonly clock: Clock }): Collector {
  let known: ReadonlyMap<string, Looked> = new Map();
  return placeCollector({
    name: 'logged-card-numbers',
    facts: ['card.logs.plaintext'],
    everyMs: 60_000,
    timeoutMs: 120_000,
    placeMs: 100_000,
    places: () => [{ subject: 'logs', tenants: 'all' as const }],
    clock,
    look: async (_, signal) => {
      const looked = new Map<string, Looked>();
      for (const name of (await readdir(folder)).toSorted().slice(0, FILES_MAX)) {
        signal.throwIfAborted();
        const path = join(folder, name);
        const { mtimeMs, size } = await stat(path);
        const mark = `${mtimeMs} ${size}`;
        const before = known.get(name);
        looked.set(name, before?.mark === mark ? before : { mark, hits: countCardNumbers(await endOf(path)) });
      }
      known = looked;
      const found = [...looked].filter(([, { hits }]) => hits > 0).map(([place, { hits }]): Found => ({ place, hits }));
      return { readings: { 'card.logs.plaintext': told(found) }, transcript: found };
    },
  });
}

async function endOf(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const length = Math.min(size, FILE_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await file.close();
  }
}

function told(found: readonly Found[]): Measured {
  const places = found.map(({ place }) => place);
  return counted(
    places,
    found.reduce((sum, { hits }) => sum + hits, 0),
  );
}
