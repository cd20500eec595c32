import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, fromIso } from '../../base/clock.ts';
import type { LedgerClient } from '../../ledger/client.ts';
import type { FactName } from '../../resources/fact-kinds.ts';
import type { Collector } from '../collector.ts';
import type { Measured } from '../fact.ts';
import { type Look, placeCollector, reasonOf, unknown, value } from './place-collector.ts';

export interface LedgerKeepingOptions {
  readonly ledger: Pick<LedgerClient, 'entries' | 'first' | 'keepDays' | 'selfCheck'>;
  /** Its folder on this machine. */
  readonly folder: string;
  readonly clock: Clock;
}

const FACTS: readonly FactName[] = [
  'audit.chain.valid',
  'audit.retention.missingDays',
  'audit.retention.readyMissingDays',
  'audit.retention.shortDays',
  'audit.readers.surplus',
];

/** PCI DSS 10.5.1: records of twelve months are there, those of three at hand; the longest that so many months are. */
export const LEDGER_SPAN_DAYS = 366;
const READY_DAYS = 92;

/** The ledger reads itself again all the time; a round that ended longer ago says too little of now. */
const DAY_MS = 86_400_000;
const ROUND_MS = DAY_MS;

/**
 * How the ledger is kept: whether what lies on disk is what was written (it reads itself again in the background), whether
 * its oldest entry can be brought back and reaches as far as it has to, and whether anybody else of this machine can read it. A hand that changed the
 * ledger and its process alike shows only to `kintsugi ledger verify` with a key, receipts or witnesses from elsewhere.
 */
export function ledgerKeeping({ ledger, folder, clock }: LedgerKeepingOptions): Collector {
  return placeCollector({
    name: 'ledger-keeping',
    facts: FACTS,
    everyMs: 60_000,
    timeoutMs: 50_000,
    placeMs: 40_000,
    places: () => [{ subject: 'ledger', tenants: 'all' as const }],
    clock,
    look: async (): Promise<Look> => {
      const chain = await orUnknown(() => chainOf(ledger, clock.now()));
      const gap = (days: number) => orUnknown(() => gapOf(ledger, days, clock.now()));
      const readings = {
        'audit.chain.valid': chain,
        'audit.retention.missingDays': await gap(LEDGER_SPAN_DAYS),
        'audit.retention.readyMissingDays': await gap(READY_DAYS),
        'audit.retention.shortDays': await orUnknown(async () => value(shortBy(await ledger.keepDays()))),
        'audit.readers.surplus': await orUnknown(async () => value(await othersWithAccess(folder))),
      };
      return { readings, transcript: readings };
    },
  });
}

async function orUnknown(measure: () => Promise<Measured>): Promise<Measured> {
  return measure().catch((error: unknown) => unknown(reasonOf(error)));
}

async function chainOf(ledger: LedgerKeepingOptions['ledger'], now: number): Promise<Measured> {
  const { fault, lastRoundAt } = await ledger.selfCheck();
  if (fault) return value(false);
  if (lastRoundAt === undefined) return unknown('it has not read itself from end to end since it started');
  if (now - fromIso(lastRoundAt) > ROUND_MS) return unknown('it has not read itself from end to end for a day');
  return value(true);
}

/**
 * Days of the span before the oldest entry that comes back. While nothing was pruned that is the first of all, and no day
 * of what was recorded is missing.
 */
async function gapOf(ledger: LedgerKeepingOptions['ledger'], days: number, now: number): Promise<Measured> {
  const first = await ledger.first();
  const [oldest] = await ledger.entries(first, 1);
  if (oldest?.index !== first) return unknown('its oldest entry could not be brought back');
  if (first === 0) return value(0);
  return value(Math.max(0, Math.ceil(days - (now - fromIso(oldest.event.at)) / DAY_MS)));
}

/** By what the process that drops entries goes by: it will be missing before any day of it is. */
function shortBy(keepDays: number | null): number {
  return keepDays === null ? 0 : Math.max(0, LEDGER_SPAN_DAYS - keepDays);
}

/** Files and folders that group or others may enter, read or write; none when the folder itself shuts them out. */
async function othersWithAccess(folder: string): Promise<number> {
  if (((await stat(folder)).mode & 0o077) === 0) return 0;
  const names = await readdir(folder);
  const modes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).mode));
  return modes.filter((mode) => (mode & 0o066) !== 0).length;
}
