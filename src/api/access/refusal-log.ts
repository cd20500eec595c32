import { describeError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { RecordEvent } from '../../heal/record.ts';
import type { Actor } from '../../ledger/entry.ts';
import type { Database } from '../../store/database.ts';
import type { Caller } from './role.ts';

/** Kinds of refusals that are told apart between two writings; what comes beyond is counted together. */
const KINDS_MAX = 500;

interface Refused {
  readonly route: string;
  readonly reason: string;
  readonly caller: Caller | undefined;
  count: number;
}

/**
 * Puts every refusal of the API on record: who, which route and why. Equal ones between two writings are one entry with
 * their number, so that whoever knocks a thousand times a second writes one line a second.
 */
export class RefusalLog {
  readonly #options: { readonly database: Database; readonly record: RecordEvent; readonly log: Log };
  #refused = new Map<string, Refused>();

  constructor(options: { readonly database: Database; readonly record: RecordEvent; readonly log: Log }) {
    this.#options = options;
  }

  note(route: string, reason: string, caller: Caller | undefined): void {
    const key = `${caller?.id ?? ''} ${route} ${reason}`;
    const isRoom = this.#refused.has(key) || this.#refused.size < KINDS_MAX;
    const kept = isRoom ? { key, route, caller } : { key: 'others', route: 'others', caller: undefined };
    const known = this.#refused.get(kept.key) ?? { ...kept, reason, count: 0 };
    known.count += 1;
    this.#refused.set(kept.key, known);
  }

  /** Writes what was noted; what cannot be written now is kept. Never rejects. */
  async flush(): Promise<void> {
    const { database, record, log } = this.#options;
    if (this.#refused.size === 0) return;
    const taken = this.#refused;
    this.#refused = new Map();
    try {
      await database.transaction(async (tx) => {
        for (const { route, reason, caller, count } of taken.values()) {
          const data = { reason, role: caller?.role ?? null, count };
          const scope = caller?.tenant == null ? {} : { tenant: caller.tenant };
          await record(
            tx,
            'access.refused',
            route,
            { ...data, token: caller?.id ?? null },
            { ...actorOf(caller), ...scope },
          );
        }
      });
    } catch (error) {
      log.debug({ reason: describeError(error) }, 'refusals are not on record yet');
      for (const [key, refused] of taken) {
        const since = this.#refused.get(key);
        this.#refused.set(key, { ...refused, count: refused.count + (since?.count ?? 0) });
      }
    }
  }
}

function actorOf(caller: Caller | undefined): { readonly actor?: Actor } {
  if (!caller) return {};
  const isTenant = caller.role === 'tenant' && caller.tenant !== null;
  return {
    actor: { kind: isTenant ? 'tenant' : 'operator', name: (isTenant ? caller.tenant : caller.name) ?? 'owner' },
  };
}
