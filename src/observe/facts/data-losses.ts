import type { Client } from 'pg';
import { type Clock, toIso } from '../../base/clock.ts';
import { readJsonFile, writeDurably } from '../../base/durable-file.ts';
import type { Collector } from '../collector.ts';
import type { Fact, Measured } from '../fact.ts';
import { reasonOf, unknown, Unmeasured } from './place-collector.ts';
import { inSession, rowsOf } from './postgres-place.ts';
import type { RegionalStore } from './tenant-stores.ts';
import { longestLoss, lookedAt, type WalHistory, type WalLook } from './wal-history.ts';

export interface DataLossesOptions {
  readonly stores: () => readonly RegionalStore[];
  /** Where what was seen is kept: a server that is put back while nobody looks is found all the same. */
  readonly file: string;
  readonly clock: Clock;
}

/** By server and region: `database/eu`. */
export type WalHistories = Readonly<Record<string, WalHistory>>;

const NAME = 'data-losses';
const SERVER_MS = 6_000;

const POSITION = (lsn: string) => `pg_wal_lsn_diff(${lsn}, '0/0')::float8`;
const LOOK = `
  select s.system_identifier::text as identifier, c.timeline_id::int as timeline,
         pg_postmaster_start_time()::text as "startedAt",
         ${POSITION('pg_current_wal_flush_lsn()')} as flushed, ${POSITION('c.redo_lsn')} as redo
  from pg_control_system() s, pg_control_checkpoint() c`;
/**
 * The span of data that tenants lost: of each PostgreSQL server that keeps their stores it is noted where its durable log stands,
 * and one that comes back with less was put back to an earlier time. What is written between two looks is told with them.
 * Proven is that of what a server itself says of its log; not of rows that people deleted, nor of what nobody looked at.
 */
export function dataLosses({ stores, file, clock }: DataLossesOptions): Collector {
  return {
    name: NAME,
    facts: ['resilience.rpoMs'],
    everyMs: 15_000,
    timeoutMs: 60_000,
    async collect(signal, keep = () => null) {
      const servers = Map.groupBy(stores(), serverOf);
      const histories: Record<string, WalHistory> = { ...readHistories(file) };
      const blind = new Map<string, string>();
      for (const [server, [store]] of servers) {
        signal.throwIfAborted();
        try {
          const at = clock.now();
          const look = await inSession(store!, store!.admin, clock.deadline(SERVER_MS, signal), lookAt);
          histories[server] = lookedAt(histories[server], { ...look, at });
        } catch (error) {
          blind.set(server, reasonOf(error));
        }
      }
      const known = [...servers.keys()].flatMap((server) => (histories[server] ? [[server, histories[server]]] : []));
      writeDurably(file, JSON.stringify(Object.fromEntries(known)));
      return tenantsOf(stores()).map((tenant): Fact => {
        const own = [...servers].filter(([, here]) => here.some(({ tenants }) => isOf(tenants, tenant)));
        const seen = own.map(([server]) => [server, histories[server], blind.get(server)] as const);
        const measured = lossOf(seen);
        const evidence = keep({ collector: NAME, subject: tenant, measured, servers: seen.map(toldOf) });
        const measuredAt = Math.min(clock.now(), ...seen.flatMap(([, history]) => history?.last.at ?? []));
        return {
          name: 'resilience.rpoMs',
          subject: tenant,
          tenants: [tenant],
          measured,
          measuredAt,
          collector: NAME,
          evidence,
        };
      });
    },
  };
}

/** What was kept; nothing where that cannot be read: then it begins anew. */
export function readHistories(file: string): WalHistories {
  try {
    return (readJsonFile(file) as WalHistories | undefined) ?? {};
  } catch {
    return {};
  }
}

async function lookAt(client: Client): Promise<Omit<WalLook, 'at'>> {
  const [state] = await rowsOf<{ follows: boolean }>(client, 'select pg_is_in_recovery() as follows');
  if (state?.follows) throw new Unmeasured('the server follows another log, or still recovers');
  const [row] = await rowsOf<Omit<WalLook, 'at' | 'forkedAt'>>(client, LOOK);
  if (!row) throw new Unmeasured('the server does not say where its log stands');
  if (row.timeline === 1) return { ...row, forkedAt: null };
  const name = `pg_wal/${row.timeline.toString(16).toUpperCase().padStart(8, '0')}.history`;
  const [history] = await rowsOf<{ text: string }>(client, 'select pg_read_file($1) as text', [name]);
  return { ...row, forkedAt: forkIn(history?.text ?? '') };
}

/** The last line of a timeline's history says where it left the one before: `1	0/3000158	before ...`. */
function forkIn(history: string): number {
  const fork = [...history.matchAll(/^\s*\d+\s+([0-9A-F]+)\/([0-9A-F]+)/gim)].at(-1);
  if (!fork) throw new Unmeasured('the server does not say where its timeline began');
  return Number.parseInt(fork[1] ?? '', 16) * 2 ** 32 + Number.parseInt(fork[2] ?? '', 16);
}

type Seen = readonly [server: string, history: WalHistory | undefined, blind: string | undefined];

/** A loss counts, whatever cannot be looked at elsewhere. A server that is away has lost nothing yet: it is told when it is back. */
function lossOf(seen: readonly Seen[]): Measured {
  const never = seen.find(([, history]) => history === undefined);
  const another = seen.find(([, history]) => history && longestLoss(history) === undefined);
  const longest = Math.max(0, ...seen.map(([, history]) => (history && longestLoss(history)) ?? 0));
  if (longest === 0 && never) return unknown(`${never[0]} could not be looked at: ${never[2]}`);
  if (longest === 0 && another)
    return unknown(`another cluster took the place of ${another[0]}: a person has to say what was lost`);
  const since = Math.max(...seen.map(([, history]) => history?.since ?? 0));
  return { kind: 'value', value: longest, detail: `looked at since ${toIso(since)}` };
}

function toldOf([server, history, blind]: Seen) {
  const { since = null, last = null, losses = [] } = history ?? {};
  return { server, since, last, losses, blind: blind ?? null };
}

function serverOf({ server, region }: RegionalStore): string {
  return `${server}/${region}`;
}

function tenantsOf(stores: readonly RegionalStore[]): readonly string[] {
  return [...new Set(stores.flatMap(({ tenants }) => (tenants === 'all' ? [] : tenants)))];
}

function isOf(tenants: readonly string[] | 'all', tenant: string): boolean {
  return tenants === 'all' || tenants.includes(tenant);
}
