import type { Fact, FactValue } from '../../observe/fact.ts';
import { FACT_KINDS, type FactName } from '../../resources/fact-kinds.ts';
import type { Loss } from '../../resources/notice.ts';
import type { Sign } from './breach.ts';

interface Row {
  readonly loss: Loss;
  /** Said of the subject. */
  readonly what: string;
  readonly isBad: (value: FactValue) => boolean;
}

const some = (value: FactValue) => typeof value === 'number' && value > 0;
const isFalse = (value: FactValue) => value === false;

/** What is no breach by itself and may have let one happen, or shows one. Settings that are only weak are not among them. */
const TABLE: Readonly<Partial<Record<FactName, Row>>> = {
  'isolation.sql.foreignRows': { loss: 'confidentiality', what: 'rows of another tenant could be read', isBad: some },
  'isolation.api.foreignRows': { loss: 'confidentiality', what: "answers held another tenant's data", isBad: some },
  'isolation.provider.access': {
    loss: 'confidentiality',
    what: 'the operator looked at data without an instruction',
    isBad: some,
  },
  'rls.enabled': { loss: 'confidentiality', what: 'row-level security was off on a protected table', isBad: isFalse },
  'rls.views.bypassing': { loss: 'confidentiality', what: 'a view let readers past row-level security', isBad: some },
  'rls.roles.bypassing': {
    loss: 'confidentiality',
    what: 'a role of the application was above the policies',
    isBad: some,
  },
  'access.default.allowed': { loss: 'confidentiality', what: 'requests without a grant were answered', isBad: some },
  'auth.probe.accepted': {
    loss: 'confidentiality',
    what: 'credentials that must be refused were accepted',
    isBad: some,
  },
  'encryption.columns.plaintext': {
    loss: 'confidentiality',
    what: 'columns that are declared encrypted were readable',
    isBad: some,
  },
  'card.stored.plaintext': { loss: 'confidentiality', what: 'full card numbers were stored readable', isBad: some },
  'card.logs.plaintext': { loss: 'confidentiality', what: 'full card numbers stood in logs', isBad: some },
  'card.authentication.stored': { loss: 'confidentiality', what: 'card codes or PIN blocks were stored', isBad: some },
  'audit.chain.valid': { loss: 'integrity', what: 'the record was not what had been written', isBad: isFalse },
  'backup.restore.equal': { loss: 'integrity', what: 'restored data were not what the source held', isBad: isFalse },
};

/** The key under which a fact is a sign. */
export function signKeyOf({ name, subject }: Pick<Fact, 'name' | 'subject'>): string {
  return `fact ${name} ${subject}`;
}

/**
 * Whether a fact is a sign of a loss, and of which; `well` when it was measured and is none. Undefined for what says
 * nothing: another kind of fact, or a value that could not be had. `all` are the tenants that there are.
 */
export function signIn(fact: Fact, all: readonly string[]): Sign | 'well' | undefined {
  const row = TABLE[fact.name];
  if (!row || fact.measured.kind === 'unknown') return undefined;
  const { value } = fact.measured;
  if (!row.isBad(value)) return 'well';
  const { of, unit } = FACT_KINDS[fact.name];
  const number = typeof value === 'number' ? `: ${value} ${unit}` : '';
  // What is about one tenant says so by whom it touches; its name is for nobody else.
  const place = of === 'tenant' ? '' : ` (${of} ${fact.subject})`;
  return {
    key: signKeyOf(fact),
    cause: `${row.loss} ${of} ${fact.subject}`,
    loss: row.loss,
    what: `${row.what}${number}${place}`,
    tenants: fact.tenants === 'all' ? all : fact.tenants,
    detectedAt: fact.measuredAt,
    incident: null,
    snapshot: {
      fact: fact.name,
      subject: `${of} ${fact.subject}`,
      value: typeof value === 'object' ? [...value] : value,
      measuredAt: fact.measuredAt,
      collector: fact.collector,
      evidence: fact.evidence,
    },
  };
}

/** A tenant without service since `since`. Its cause is the incident of that time, so that one fault is one loss. */
export function outageSign(tenant: string, since: number, open: readonly OpenIncident[]): Sign {
  const incident = open.find(({ body }) => mayExplain(body.diagnosis, tenant));
  return {
    key: `outage ${tenant}`,
    cause: incident ? `availability incident ${incident.id}` : `availability tenant ${tenant}`,
    loss: 'availability',
    what: `requests were not answered${incident ? ` (${incident.id})` : ''}`,
    tenants: [tenant],
    detectedAt: since,
    incident: incident?.id ?? null,
    snapshot: { since, incident: incident?.id ?? null },
  };
}

/** Of an incident, as far as it may be the cause of a loss. */
export interface OpenIncident {
  readonly id: string;
  readonly body: {
    readonly diagnosis: { readonly cause: string; readonly subject: { readonly kind: string; readonly name: string } };
  };
}

/** What is about another tenant, or about a control that is violated, explains no outage of this one. */
function mayExplain({ cause, subject: { kind, name } }: OpenIncident['body']['diagnosis'], tenant: string): boolean {
  return cause !== 'compliance' && kind !== 'requests' && (kind !== 'tenant' || name === tenant);
}

/** A limit at the gateways, as far as it takes service away. */
export interface Quarantine {
  readonly id: string;
  readonly kind: string;
  readonly tenant: string | null;
  readonly workload?: string | null;
  readonly route?: string | null;
  readonly fingerprint?: string | null;
  readonly actor?: string | null;
  readonly store?: string | null;
}

/** A quarantine of a tenant, or of a workload for everybody, takes availability; one of some requests, or of new rows, does not. */
export function quarantineSign(mitigation: Quarantine, all: readonly string[], now: number): Sign | undefined {
  const { id, kind, tenant, workload, route, fingerprint, actor, store } = mitigation;
  if (kind !== 'quarantine' || route || fingerprint || actor || store) return undefined;
  return {
    key: `quarantine ${id}`,
    cause: `availability quarantine ${tenant ?? workload ?? 'all'}`,
    loss: 'availability',
    what: `a quarantine kept ${tenant === null ? 'everybody' : 'the tenant'} out (${id})`,
    tenants: tenant === null ? all : [tenant],
    detectedAt: now,
    incident: null,
    snapshot: { quarantine: id },
  };
}
