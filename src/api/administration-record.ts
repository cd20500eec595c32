import { type Clock, fromIso, toIso } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { SocketClient } from '../base/socket-http.ts';
import type { RecordEvent } from '../heal/record.ts';
import type { IndexedEvent, LedgerClient } from '../ledger/client.ts';
import type { LedgerEvent } from '../ledger/entry.ts';
import { readEvent } from '../ledger/forms/reading.ts';
import type { Collector } from '../observe/collector.ts';
import type { Fact, Measured } from '../observe/fact.ts';
import { CHECKPOINT_MS, FOUND_MS, LedgerSearch } from '../observe/facts/ledger-search.ts';
import { counted, reasonOf, unknown } from '../observe/facts/place-collector.ts';
import type { Database } from '../store/database.ts';
import type { LeaderLease } from '../store/lease.ts';
import { TokenStore } from './access/token-store.ts';

export interface AdministrationRecordOptions {
  /** Enters the API of this control as its owner. */
  readonly enter: () => Pick<SocketClient, 'call' | 'close'>;
  readonly ledger: Pick<LedgerClient, 'checkpoint' | 'tail' | 'entries' | 'startedAt'>;
  readonly database: Database;
  readonly lease: LeaderLease;
  readonly record: RecordEvent;
  readonly clock: Clock;
  readonly random: Random;
}

const NAME = 'administration-record';
const CANARY = 'kintsugi-canary';
const ACTIONS_MS = 5_000;
/** What the ledger writes before it says that it has started. */
const STARTING_MAX = 20;
const NO_DIGEST = '0'.repeat(64);

/** Who, what, when, with which result, from where, at what: an entry without one of them is no evidence. */
const FIELDS: Readonly<Record<string, (event: LedgerEvent) => boolean>> = {
  who: ({ actor }) => actor.name !== '',
  what: ({ type }) => type !== '',
  when: ({ at }) => !Number.isNaN(fromIso(at)),
  result: (event) => readEvent(event).outcome !== 'unknown',
  origin: ({ actor, data }) => actor.kind === 'system' || typeof data['door'] === 'string',
  target: ({ subject }) => subject !== '',
};

/** An action that has to be on record, and its entry where it appeared. */
type Found = readonly (readonly [kind: string, entry: IndexedEvent | undefined])[];

/**
 * What administrators do: at the API of this control a credential is made that opens next to nothing, a look at the record is noted under
 * its name, and the credential is revoked; then their entries are looked for in the ledger, and the one with which the ledger's process
 * began. Proven is that these kinds are recorded within 20 s, and with which fields; of changes of what is declared that is
 * measured as `change.unrecorded`. Nothing is proven of what is done past the API, with the files of this machine.
 */
export function administrationRecord(options: AdministrationRecordOptions): Collector {
  const { clock, ledger } = options;
  const search = new LedgerSearch(ledger, clock);
  return {
    name: NAME,
    facts: ['audit.administration.missing', 'audit.administration.fieldsMissing'],
    everyMs: 600_000,
    timeoutMs: ACTIONS_MS + FOUND_MS + CHECKPOINT_MS + 5_000,
    async collect(signal, keep = () => null) {
      // Who does not lead may make nothing; it will, or another does.
      if (!options.lease.current()) return [];
      const found = await trial(options, search, signal).catch((error: unknown) => reasonOf(error));
      const evidence = keep({ collector: NAME, found: typeof found === 'string' ? found : found.map(told) });
      const about = { subject: 'control', tenants: 'all' as const, measuredAt: clock.now(), collector: NAME, evidence };
      const [missing, fields] = typeof found === 'string' ? [unknown(found), unknown(found)] : measuredOf(found);
      return [
        { name: 'audit.administration.missing', ...about, measured: missing },
        { name: 'audit.administration.fieldsMissing', ...about, measured: fields },
      ] satisfies Fact[];
    },
  };
}

async function trial(options: AdministrationRecordOptions, search: LedgerSearch, signal: AbortSignal): Promise<Found> {
  const { ledger, clock } = options;
  const from = await search.sizeNow(signal);
  const { token, look } = await act(options, clock.deadline(ACTIONS_MS, signal));
  const kinds = {
    'a credential that was made': ({ type, subject }) => type === 'token.created' && subject === token,
    'a look at the record': ({ id }) => id === look,
    'a credential that was revoked': ({ type, subject }) => type === 'token.revoked' && subject === token,
  } satisfies Record<string, (event: LedgerEvent) => boolean>;
  const found = await search.entriesOf<string>(from, kinds, signal);
  const first = await ledger.entries(await ledger.startedAt(), STARTING_MAX);
  const started = first.find(({ event }) => event.type === 'ledger.started');
  return [
    ...Object.keys(kinds).map((kind) => [kind, found.get(kind)] as const),
    ['the start of the recording', started],
  ];
}

/** Through the door that people use. Nothing of it stays but its entries, also of a round that was cut off. */
async function act(options: AdministrationRecordOptions, signal: AbortSignal) {
  const tokens = new TokenStore(options);
  const api = options.enter();
  try {
    const made = { name: CANARY, role: 'auditor', days: 1, by: CANARY };
    const { id: token } = await api.call<{ id: string }>('POST', '/v1/tokens', made, signal);
    const now = toIso(options.clock.now());
    const seen = { tenant: CANARY, framework: CANARY, from: now, to: now, manifest: NO_DIGEST, key: NO_DIGEST };
    const { entry: look } = await api.call<{ entry: string }>('POST', '/v1/evidence', { ...seen, by: CANARY }, signal);
    await api.call('POST', `/v1/tokens/${token}/revoke`, { by: CANARY }, signal);
    return { token, look };
  } finally {
    await tokens.forget(CANARY);
    await api.close();
  }
}

function measuredOf(found: Found): readonly [missing: Measured, fields: Measured] {
  const missing = found.flatMap(([kind, entry]) => (entry ? [] : [kind]));
  const fields = found.flatMap(([kind, entry]) =>
    entry ? missingFields(entry.event).map((field) => `${field} of ${kind}`) : [],
  );
  return [counted(missing), counted(fields)];
}

function missingFields(event: LedgerEvent): readonly string[] {
  return Object.keys(FIELDS).filter((name) => FIELDS[name]?.(event) !== true);
}

function told([kind, entry]: Found[number]) {
  return { kind, entry: entry ? { index: entry.index, id: entry.event.id } : null };
}
