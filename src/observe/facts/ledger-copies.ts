import { stat } from 'node:fs/promises';
import { type Clock, fromIso } from '../../base/clock.ts';
import type { IndexedEvent, LedgerClient } from '../../ledger/client.ts';
import { folderKeys } from '../../ledger/folder-keys.ts';
import { folderSource } from '../../ledger/tlog/folder-source.ts';
import { httpSource } from '../../ledger/tlog/http-source.ts';
import { LogFault, type LogSource, readBundle, readCheckpointNote } from '../../ledger/tlog/log-source.ts';
import { judgeCheckpoint, type Policy, policyOfKey } from '../../ledger/tlog/policy.ts';
import { TILE_WIDTH } from '../../ledger/tlog/tile.ts';
import type { Collector } from '../collector.ts';
import type { Measured } from '../fact.ts';
import { type Look, placeCollector, Unmeasured, unknown } from './place-collector.ts';

export interface LedgerCopiesOptions {
  readonly ledger: Pick<LedgerClient, 'entries'>;
  /** The folder of the ledger. */
  readonly folder: string;
  /** Addresses and folders of static copies, as `kintsugi ledger export` writes them. */
  readonly copies: () => readonly string[];
  readonly clock: Clock;
}

/** How far one copy goes, or why nobody knows. */
interface Copy {
  readonly copy: string;
  readonly size: number;
  readonly fault: string | null;
}

const FILE_MS = 5_000;

/**
 * How old the oldest entry is that no declared copy of the ledger has. Of a copy its checkpoint is read, held against the key of the
 * ledger, and its last entry against that of the ledger. Witnesses hold no entries and are no copies; a folder on the disk of the ledger
 * is no other place. Nothing is proven of the middle of a copy (`kintsugi ledger verify`), and of who runs it.
 */
export function ledgerCopies(options: LedgerCopiesOptions): Collector {
  return placeCollector({
    name: 'ledger-copies',
    facts: ['audit.ship.lagSeconds'],
    everyMs: 60_000,
    timeoutMs: 55_000,
    placeMs: 50_000,
    places: () => [{ subject: 'ledger', tenants: 'all' as const }],
    clock: options.clock,
    look: () => lookAt(options),
  });
}

async function lookAt({ ledger, folder, copies, clock }: LedgerCopiesOptions): Promise<Look> {
  const declared = copies();
  if (declared.length === 0) throw new Unmeasured('nobody said where a copy is: see `ledgerCopies` of the Policy');
  const policy = policyOfKey(folderKeys(folder, undefined)[0]);
  const found: Copy[] = [];
  for (const copy of declared) found.push(await measureCopy(copy, { ledger, folder, policy, clock }));
  const size = Math.max(...found.map((each) => each.size));
  const [missing] = await ledger.entries(size, 1);
  const measured = lagOf(missing, found, clock.now());
  return { readings: { 'audit.ship.lagSeconds': measured }, transcript: { measured, copies: found } };
}

/** What cannot be reached may have all of it. */
function lagOf(missing: IndexedEvent | undefined, found: readonly Copy[], now: number): Measured {
  if (!missing) return { kind: 'value', value: 0 };
  const fault = found.find((each) => each.fault !== null);
  if (fault) return unknown(`${fault.copy}: ${fault.fault}`);
  const seconds = Math.max(0, now - fromIso(missing.event.at)) / 1_000;
  return { kind: 'value', value: seconds, detail: `entry ${missing.index} is the oldest that no copy has` };
}

async function measureCopy(
  copy: string,
  own: Pick<LedgerCopiesOptions, 'ledger' | 'folder' | 'clock'> & { readonly policy: Policy },
): Promise<Copy> {
  try {
    return { copy, size: await sizeOf(copy, own), fault: null };
  } catch (error) {
    if (error instanceof Unmeasured || error instanceof LogFault) return { copy, size: 0, fault: error.message };
    throw error;
  }
}

async function sizeOf(
  copy: string,
  { ledger, folder, clock, policy }: Parameters<typeof measureCopy>[1],
): Promise<number> {
  const source = await sourceOf(copy, folder, clock);
  const verdict = judgeCheckpoint(await readCheckpointNote(source), policy);
  if (verdict.kind === 'rejected') throw new Unmeasured(`it is no copy of this ledger: ${verdict.reason}`);
  const { size } = verdict.checkpoint;
  if (size === 0) return 0;
  const last = size - 1;
  const entries = await readBundle(source, Math.floor(last / TILE_WIDTH), (last % TILE_WIDTH) + 1);
  const theirs = JSON.parse(Buffer.from(entries.at(-1) ?? []).toString('utf8')) as { readonly id?: unknown };
  const [ours] = await ledger.entries(last, 1);
  if (ours?.event.id !== theirs.id) throw new Unmeasured(`its entry ${last} is not that of this ledger`);
  return size;
}

async function sourceOf(copy: string, folder: string, clock: Clock): Promise<LogSource> {
  if (/^https?:\/\//.test(copy)) return httpSource({ url: copy, deadline: () => clock.deadline(FILE_MS) });
  const there = await stat(copy).catch(() => undefined);
  if (!there) throw new Unmeasured('the folder is not there');
  if (there.dev === (await stat(folder)).dev) throw new Unmeasured('it is on the disk of the ledger itself');
  return folderSource(copy);
}
