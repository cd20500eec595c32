import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { writeDurably } from '../../base/durable-file.ts';
import { KinError } from '../../base/errors.ts';
import type { SettingChange, SettingFloor, SettingView } from '../../diagnose/fleet-view.ts';
import type { SettingOrder } from '../../heal/fleet.ts';
import {
  RETENTION_FILE,
  readRetention,
  type RetentionPolicy,
  shortestKeepDays,
} from '../../ledger/retention/retention-policy.ts';
import { LEDGER_SPAN_DAYS } from '../../observe/facts/ledger-keeping.ts';
import { NO_PARTS, type Parts, type PartsView } from '../parts.ts';

const KEEP_DAYS = 'ledger/keepDays';
const FLOOR: SettingFloor = {
  lawful: LEDGER_SPAN_DAYS,
  worse: 'lower',
  facts: ['audit.retention.shortDays'],
  subjects: ['platform ledger'],
};
const HISTORY_MAX = 20;

export interface LedgerPartsOptions {
  /** The ledger's folder on this machine, in which its operator puts `retention.json`. */
  readonly folder: string;
  readonly clock: Clock;
}

/**
 * For how many days the ledger keeps what it drops first, as a setting with the floor of the law. Where nothing is ever
 * dropped there is none. Raising it raises everything in the policy that lies below, and nothing else; it is never lowered.
 */
export class LedgerParts implements Parts {
  readonly name = 'ledger';
  readonly #options: LedgerPartsOptions;
  #history: readonly SettingChange[] = [];

  constructor(options: LedgerPartsOptions) {
    this.#options = options;
  }

  owns(id: string): boolean {
    return id === KEEP_DAYS;
  }

  /** A policy that cannot be read says nothing here; the ledger drops nothing by it either. */
  async look(): Promise<PartsView> {
    const policy = this.#read();
    if (!policy) return NO_PARTS;
    const value = `${shortestKeepDays(policy)}`;
    if (this.#history.at(-1)?.value !== value) this.#note(value, 'unknown');
    return { ...NO_PARTS, settings: [viewOf(value, this.#history)] };
  }

  /** Rejects with `resource.conflict` when the policy is neither what was decided on nor good enough by now. */
  async set({ setting, value, oldValue }: SettingOrder): Promise<void> {
    const policy = this.#read();
    const days = Number(value);
    const now = shortestKeepDays(policy);
    if (!policy || now === null || now >= days) return;
    if (!Number.isInteger(days) || `${now}` !== oldValue) {
      throw new KinError('resource.conflict', `${setting} was written by another meanwhile`);
    }
    writeDurably(join(this.#options.folder, RETENTION_FILE), `${JSON.stringify(raised(policy, days), null, 2)}\n`);
    this.#note(`${days}`, 'kintsugi retention');
  }

  /** What is less than the law asks for is not written again, and what is kept longer harms nobody. */
  async unset(): Promise<void> {
    return undefined;
  }

  #read(): RetentionPolicy | undefined {
    try {
      return readRetention(this.#options.folder);
    } catch {
      return undefined;
    }
  }

  #note(value: string, by: string): void {
    const change = { value, at: this.#options.clock.now(), by, soakedAt: null };
    this.#history = [...this.#history, change].slice(-HISTORY_MAX);
  }
}

function raised(policy: RetentionPolicy, days: number): RetentionPolicy {
  const types = Object.entries(policy.types).map(([type, kept]) => [type, Math.max(kept, days)] as const);
  return { ...policy, keepDays: Math.max(policy.keepDays, days), types: Object.fromEntries(types) };
}

function viewOf(value: string, history: readonly SettingChange[]): SettingView {
  const place = { workloads: [], tenant: null, needsRestart: false };
  const known = { value, declared: undefined, history, floor: FLOOR };
  return { id: KEEP_DAYS, kind: 'policy', ...place, revision: history.length, ...known };
}
