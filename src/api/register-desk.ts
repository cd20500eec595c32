import { digestOfJson } from '../base/digest.ts';
import { fromIso } from '../base/clock.ts';
import type { Json } from '../base/json.ts';
import type { RecordEvent } from '../heal/record.ts';
import type { Collector } from '../observe/collector.ts';
import type { Fact, Measured } from '../observe/fact.ts';
import type { Proof, Register, RegisterVersion } from '../evidence/register.ts';
import type { Database } from '../store/database.ts';
import { fencedTransaction, type LeaderLease } from '../store/lease.ts';
import type { Clock } from '../base/clock.ts';

export interface RegisterDeskOptions {
  readonly database: Database;
  readonly lease: LeaderLease;
  readonly record: RecordEvent;
  readonly clock: Clock;
  /** Names of the tenants that are declared. */
  readonly tenants: () => readonly string[];
}

const EVERY_MS = 15_000;
const DAY_MS = 86_400_000;
const NAME = 'register';

/**
 * Versions of the record of processing. One is kept when it says something else than the one before, or when that one was
 * made on another day: so its age is that of the last look. Each is an entry of the ledger, with its digest.
 */
export class RegisterDesk {
  readonly #options: RegisterDeskOptions;

  constructor(options: RegisterDeskOptions) {
    this.#options = options;
  }

  /** Keeps what the record says now. Resolves with the version that says so, and with the one before it. */
  async keep(
    register: Register,
    proof: Proof,
    by: string,
  ): Promise<{ current: RegisterVersion; before: RegisterVersion | undefined }> {
    const { database, lease, record, clock } = this.#options;
    const digest = digestOfJson(register);
    return fencedTransaction(database, lease, async (tx) => {
      const rows = await tx.selectFrom('register').selectAll().orderBy('version', 'desc').limit(2).execute();
      const [last, earlier] = rows.map(versionOf);
      if (last?.digest === digest && clock.now() - fromIso(last.madeAt) < DAY_MS)
        return { current: last, before: earlier };
      const version = (last?.version ?? 0) + 1;
      const row = await tx
        .insertInto('register')
        .values({ version, digest, document: JSON.stringify({ register, proof }), made_by: by })
        .returningAll()
        .executeTakeFirstOrThrow();
      const told = { version, digest, before: last?.digest ?? null };
      await record(tx, 'register.made', `register ${version}`, told, { actor: { kind: 'operator', name: by } });
      return { current: versionOf(row), before: last };
    });
  }

  /** Undefined when there is no such version, or none at all. */
  async read(version?: number): Promise<RegisterVersion | undefined> {
    const all = this.#options.database.kysely.selectFrom('register').selectAll();
    const query = version === undefined ? all.orderBy('version', 'desc').limit(1) : all.where('version', '=', version);
    const row = await query.executeTakeFirst();
    return row && versionOf(row);
  }

  /** Age and gaps of the newest version, for the control that asks for the record. */
  collector(): Collector {
    const { clock, tenants } = this.#options;
    return {
      name: NAME,
      facts: ['register.ageDays', 'register.fieldsMissing'],
      everyMs: EVERY_MS,
      timeoutMs: EVERY_MS,
      collect: async () => {
        const last = await this.read();
        return tenants().flatMap((tenant) => factsOf(tenant, last, clock.now()));
      },
    };
  }
}

interface Row {
  readonly version: number;
  readonly digest: string;
  readonly document: Json;
  readonly made_at: string;
  readonly made_by: string;
}

function versionOf({ version, digest, document, made_at, made_by }: Row): RegisterVersion {
  const { register, proof } = document as unknown as { register: Register; proof: Proof };
  return { version, digest, madeAt: made_at, madeBy: made_by, register, proof };
}

function factsOf(tenant: string, last: RegisterVersion | undefined, now: number): readonly Fact[] {
  const entry = last?.register.controllers[tenant];
  const of = (name: Fact['name'], value: number): Fact => {
    const reason = 'no record of processing names it yet: run `kintsugi ropa`';
    const measured: Measured = entry ? { kind: 'value', value } : { kind: 'unknown', reason };
    return { name, subject: tenant, tenants: [tenant], measured, measuredAt: now, collector: NAME, evidence: null };
  };
  const age = last ? Math.floor((now - fromIso(last.madeAt)) / DAY_MS) : 0;
  return [of('register.ageDays', Math.max(0, age)), of('register.fieldsMissing', entry?.missing.length ?? 0)];
}
