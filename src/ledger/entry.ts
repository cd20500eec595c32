import type { JsonObject } from '../base/json.ts';

/** Who did it. `system` is Kintsugi itself, `operator` a person, `tenant` a customer's client. */
export interface Actor {
  readonly kind: 'system' | 'operator' | 'tenant';
  /** A process, a user name, or a tenant; never a person's data. */
  readonly name: string;
}

/** Whose data: of who did it, or of whom it was done to. */
export type PersonalRole = 'actor' | 'subject';

/** Personal data of one person, as the ledger's process gets them to seal them. They are never stored like this. */
export interface PersonalPart {
  readonly role: PersonalRole;
  /** Who it is about, as the tenant knows them: what an erasure will be asked for by. */
  readonly subject: string;
  readonly data: JsonObject;
}

/**
 * One entry of the ledger. No personal data: ids, names of declared things, route templates and numbers only.
 * `class` is the OCSF 1.8 class_uid (6003 API Activity, 2003 Compliance Finding, 2004 Detection Finding, 2005 Incident Finding,
 * 7001 Remediation Activity, 6002 Application Lifecycle, 3004 Entity Management, 5019 Device Config State Change).
 */
export interface LedgerEvent {
  /** Makes delivery exactly-once in effect: an id that is already in the log is not appended again. */
  readonly id: string;
  /** When it happened, ISO 8601 in UTC. */
  readonly at: string;
  /** Past tense with its noun: `incident.opened`, `move.applied`, `request.served`. */
  readonly type: string;
  readonly class: number;
  readonly actor: Actor;
  /** `Workload/records`, `ins_…`, `Tenant/clinic-de`. */
  readonly subject: string;
  readonly tenant?: string;
  readonly data: JsonObject;
}

/** An event on its way to the ledger, with what has to be sealed. Only the ledger's process may be handed one. */
export interface NewEvent extends LedgerEvent {
  readonly personal?: readonly PersonalPart[];
  /** `personal` in the vault's letter box, out of a journal. */
  readonly letter?: string;
}

/** What an entry says about one payload that belongs to it. */
export interface PayloadNote {
  readonly r: PersonalRole;
  /** The id of the data key, which is random. */
  readonly k: string;
  /** AES-256-GCM. */
  readonly a: 'A256GCM';
  /** SHA-256 of the payload in base64. */
  readonly c: string;
  /** Its length in bytes. */
  readonly n: number;
}

/**
 * An entry as it is stored. The first ledgers wrote events as they came; version 2 adds payloads and, for entries of a
 * tenant, their number among that tenant's (from 1) and the leaf hash of the one before in base64, or null for the first.
 */
export interface RecordedEvent extends LedgerEvent {
  readonly v?: 2;
  readonly tseq?: number;
  readonly tprev?: string | null;
  readonly pd?: readonly PayloadNote[];
}

/** OCSF class numbers by what Kintsugi records with them. */
export const OCSF = {
  apiActivity: 6003,
  complianceFinding: 2003,
  detectionFinding: 2004,
  incidentFinding: 2005,
  remediationActivity: 7001,
  applicationLifecycle: 6002,
  entityManagement: 3004,
  configurationChange: 5019,
} as const;

/** The answer to an append: where each event stands, in the order given. */
export interface Appended {
  readonly indices: readonly number[];
}

/**
 * Appends events. Resolves when all of them are durable and in the tree (not yet in a signed checkpoint, which follows
 * within a second). Rejects with `ledger.overloaded`, `ledger.unreachable` or `ledger.entry-too-large`; after the first
 * two the same events may be sent again.
 */
export interface Ledger {
  append(events: readonly NewEvent[], signal?: AbortSignal): Promise<Appended>;
}
