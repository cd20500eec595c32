import type { Json } from '../../base/json.ts';
import { type LedgerEvent, OCSF } from '../entry.ts';

/** What an entry tells of, in the words that the schemas of others share. */
export type Matter =
  | 'api'
  | 'compliance'
  | 'datastore'
  | 'detection'
  | 'entity'
  | 'incident'
  | 'lifecycle'
  | 'other'
  | 'remediation';

export type Verb =
  | 'close'
  | 'create'
  | 'delete'
  | 'disable'
  | 'enable'
  | 'other'
  | 'read'
  | 'start'
  | 'stop'
  | 'update';

export type Severity = 'informational' | 'low' | 'medium' | 'high' | 'critical';

/** An event as it is understood for export. Of types that are not known it says what their class says. */
export interface Reading {
  readonly matter: Matter;
  readonly verb: Verb;
  readonly outcome: 'success' | 'failure' | 'unknown';
  readonly severity: Severity;
}

interface Rule {
  readonly matter: Matter;
  readonly verb?: Verb | ((event: LedgerEvent) => Verb);
  readonly outcome?: (event: LedgerEvent) => Reading['outcome'];
  readonly severity?: Severity | ((event: LedgerEvent) => Severity);
}

/** By the whole type, or by its beginning up to the dot; the first that fits counts. */
const RULES: readonly (readonly [type: string, rule: Rule])[] = [
  ['request.refused', { matter: 'api', verb: verbOfMethod, outcome: () => 'failure', severity: 'low' }],
  ['request.', { matter: 'api', verb: verbOfMethod, outcome: outcomeOfStatus }],
  ['records.lost', { matter: 'detection', verb: 'create', outcome: () => 'failure', severity: 'high' }],
  ['incident.opened', { matter: 'incident', verb: 'create', outcome: () => 'unknown', severity: 'medium' }],
  ['incident.closed', { matter: 'incident', verb: 'close' }],
  ['incident.', { matter: 'incident', verb: 'update', outcome: () => 'unknown', severity: 'medium' }],
  ['symptom.', { matter: 'detection', outcome: () => 'unknown', severity: 'medium' }],
  ['repair.ended', { matter: 'remediation', outcome: outcomeOfRepair, severity: severityOfRepair }],
  ['repair.', { matter: 'remediation', outcome: outcomeOfStep }],
  ['move.', { matter: 'remediation', outcome: outcomeOfStep }],
  ['plan.', { matter: 'remediation', outcome: () => 'unknown' }],
  ['resource.created', { matter: 'entity', verb: 'create' }],
  ['resource.deleted', { matter: 'entity', verb: 'delete' }],
  ['resource.removed', { matter: 'entity', verb: 'delete' }],
  ['resource.', { matter: 'entity', verb: 'update' }],
  ['rollout.instance-starting', { matter: 'lifecycle', verb: 'start' }],
  ['rollout.', { matter: 'lifecycle', verb: 'update' }],
  ['instance.', { matter: 'lifecycle', verb: 'update' }],
  ['stop.set', { matter: 'entity', verb: 'enable', severity: 'medium' }],
  ['stop.lifted', { matter: 'entity', verb: 'disable' }],
  ['trust.', { matter: 'entity', verb: 'update' }],
  ['drill.', { matter: 'entity', outcome: outcomeOfDrill }],
  ['ledger.recovered', { matter: 'lifecycle', verb: 'start', severity: 'low' }],
  ['ledger.stopped', { matter: 'lifecycle', verb: 'stop' }],
  ['ledger.', { matter: 'lifecycle', verb: 'start' }],
  ['checkpoint.', { matter: 'datastore', verb: 'create' }],
  ['retention.held', { matter: 'entity', verb: 'enable' }],
  ['retention.released', { matter: 'entity', verb: 'disable' }],
  ['retention.pruned', { matter: 'datastore', verb: 'delete' }],
  ['hold.', { matter: 'entity', verb: 'update' }],
  ['key.', { matter: 'datastore', verb: 'delete' }],
  ['kek.', { matter: 'datastore', verb: 'update' }],
  ['payload.revealed', { matter: 'datastore', verb: 'read', severity: 'low' }],
  ['erasure.', { matter: 'datastore', outcome: () => 'unknown' }],
  ['subject.', { matter: 'datastore', verb: 'delete' }],
  ['finding.', { matter: 'compliance', outcome: () => 'unknown', severity: 'medium' }],
  ['assessment.', { matter: 'compliance', outcome: () => 'unknown' }],
  ['breach.opened', { matter: 'compliance', outcome: () => 'unknown', severity: 'medium' }],
  ['breach.', { matter: 'compliance', outcome: () => 'unknown' }],
  ['evidence.', { matter: 'datastore', verb: 'read' }],
  ['register.', { matter: 'compliance', outcome: () => 'unknown' }],
  ['record.', { matter: 'entity', verb: 'update' }],
  ['access.refused', { matter: 'api', outcome: () => 'failure', severity: 'low' }],
  ['token.created', { matter: 'entity', verb: 'create' }],
  ['token.revoked', { matter: 'entity', verb: 'disable' }],
  ['advisories.', { matter: 'entity', verb: 'update' }],
  ['duty.', { matter: 'compliance', outcome: () => 'unknown' }],
];

const MATTERS: Readonly<Record<number, Matter>> = {
  [OCSF.apiActivity]: 'api',
  [OCSF.detectionFinding]: 'detection',
  [OCSF.incidentFinding]: 'incident',
  [OCSF.remediationActivity]: 'remediation',
  [OCSF.applicationLifecycle]: 'lifecycle',
  [OCSF.entityManagement]: 'entity',
  [OCSF.configurationChange]: 'entity',
  2003: 'compliance',
  6005: 'datastore',
};

/** Whether a type has a rule of its own. */
export function isKnownType(type: string): boolean {
  return ruleOf(type) !== undefined;
}

export function readEvent(event: LedgerEvent): Reading {
  const rule = ruleOf(event.type) ?? { matter: MATTERS[event.class] ?? 'other', outcome: () => 'unknown' as const };
  const { matter, verb = 'other', outcome = () => 'success' as const, severity = 'informational' } = rule;
  return {
    matter,
    verb: typeof verb === 'string' ? verb : verb(event),
    outcome: outcome(event),
    severity: typeof severity === 'string' ? severity : severity(event),
  };
}

function ruleOf(type: string): Rule | undefined {
  return RULES.find(([pattern]) => (pattern.endsWith('.') ? type.startsWith(pattern) : type === pattern))?.[1];
}

/** A field of an event's data as a text, undefined when it is not there. */
export function textOf(value: Json | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function numberOf(value: Json | undefined): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

const VERBS: Readonly<Record<string, Verb>> = {
  GET: 'read',
  HEAD: 'read',
  OPTIONS: 'read',
  POST: 'create',
  PUT: 'update',
  PATCH: 'update',
  DELETE: 'delete',
};

function verbOfMethod({ data }: LedgerEvent): Verb {
  return VERBS[textOf(data['method']) ?? ''] ?? 'other';
}

function outcomeOfStatus({ data }: LedgerEvent): Reading['outcome'] {
  const status = numberOf(data['status']);
  if (status === undefined) return 'unknown';
  return status < 400 ? 'success' : 'failure';
}

function outcomeOfRepair({ data }: LedgerEvent): Reading['outcome'] {
  return data['outcome'] === 'healed' ? 'success' : 'failure';
}

function severityOfRepair({ data }: LedgerEvent): Severity {
  if (data['outcome'] === 'stuck') return 'critical';
  return data['outcome'] === 'escalated' ? 'high' : 'informational';
}

/** Steps that were begun, judged or refused have not succeeded, nor have they failed. */
function outcomeOfStep({ type }: LedgerEvent): Reading['outcome'] {
  if (type.endsWith('-failed')) return 'failure';
  return /\.(?:applied|verified|undone)$/.test(type) ? 'success' : 'unknown';
}

function outcomeOfDrill({ data }: LedgerEvent): Reading['outcome'] {
  const { result } = data as { readonly result?: { readonly outcome?: Json } };
  return result?.outcome === 'healed' || result?.outcome === 'restarted' ? 'success' : 'failure';
}
