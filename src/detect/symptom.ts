import type { JsonObject } from '../base/json.ts';
import type { ConditionName } from '../observe/condition.ts';
import { FACT_KINDS, type FactName } from '../resources/fact-kinds.ts';

/** What a symptom is about. */
export type Subject =
  | { readonly kind: 'instance'; readonly name: string; readonly workload: string; readonly version: number }
  | { readonly kind: 'version'; readonly name: string; readonly workload: string; readonly version: number }
  | { readonly kind: 'workload'; readonly name: string }
  | { readonly kind: 'tenant'; readonly name: string }
  /** `certificate ingress`: a thing that is not an instance. */
  | { readonly kind: 'asset'; readonly name: string }
  /** `records/POOL_SIZE`: what somebody can change. */
  | { readonly kind: 'setting'; readonly name: string }
  /** Who loads or changes things: a job, a controller, a client. */
  | { readonly kind: 'actor'; readonly name: string }
  /** `records GET /invoices/:id`: one kind of request to a workload, of whichever tenant. */
  | { readonly kind: 'route'; readonly name: string; readonly workload: string; readonly route: string }
  /** Requests that kill: of one tenant and route, or only those with one fingerprint (null: the whole route). */
  | {
      readonly kind: 'requests';
      readonly name: string;
      readonly tenant: string;
      readonly route: string | null;
      readonly fingerprint: string | null;
      readonly workload: string;
      readonly version: number;
    };

export const SYMPTOMS = [
  'exited',
  'probe-failed',
  'hung',
  'start-failed',
  'crash-loop',
  /** Processes of one version that end again and again, each after a long life. */
  'deaths-recurring',
  'instance-errors',
  'instance-slow',
  /** It does worse than its siblings, for too short a time to be called sick: it counts beside others, and never alone. */
  'instance-outlier',
  'version-errors',
  'leak',
  /** Something with a limit, other than memory, comes to its end. */
  'exhausting',
  /** More load is coming than so many instances have ever served. */
  'load-ahead',
  /** A repair added instances for load that has gone. */
  'load-gone',
  'objective-burning',
  /** An error budget will be spent soon at the pace that it is spent: counted, and nothing that a repair ends. */
  'budget-ending',
  'noisy-tenant',
  'overloaded',
  'artefact-drift',
  'version-slow',
  'workload-errors',
  'workload-slow',
  /** Requests of one tenant fail at a workload that serves the others. */
  'tenant-errors',
  /** Requests fail more or take longer since a setting was changed than before, by however little. */
  'worse-since-change',
  /** One route fails or is slow at all instances, while the other routes of the workload are served as ever. */
  'route-errors',
  'route-slow',
  /** One route takes longer beside the others than it did, by less than anybody acts on. */
  'route-slower',
  'calls-failing',
  'calls-slow',
  /** Far more calls than before, while tenants do not send more. */
  'calls-surging',
  'poison',
  /** Whoever sends makes up more series than are watched of one. */
  'series-exploding',
] as const;
/** `asset-expired`: a condition that holds of an asset. `fact-rls.enabled`: a fact that breaks controls of tenants. */
export type SymptomName = (typeof SYMPTOMS)[number] | `asset-${ConditionName}` | `fact-${FactName}`;

/** The fact that a symptom is about, when it says that controls are violated. */
export function factOf(name: SymptomName): FactName | undefined {
  return name.startsWith('fact-') ? (name.slice('fact-'.length) as FactName) : undefined;
}

/** `rls.enabled postgresql/records/eu`, as `factKey` names it, of the key of a symptom that is about a fact. */
export function factKeyOf(key: string): string | undefined {
  const [, fact = '', subject = ''] = /^fact-(\S+) asset \S+ (.+)$/.exec(key) ?? [];
  return fact === '' ? undefined : `${fact} ${subject}`;
}

/** What a fact is measured of, as a subject: `store postgresql/records/eu`, `listener gateway/7080`. */
export function subjectOfFact(fact: FactName, subject: string): Subject {
  return { kind: 'asset', name: `${FACT_KINDS[fact].of} ${subject}` };
}

/** A detector's claim about a subject. It stands until the same detector takes it back. */
export interface Symptom {
  readonly name: SymptomName;
  readonly subject: Subject;
  /** When the claim was first made. */
  readonly since: number;
  /** When the evidence that it rests on was last seen. A claim on old evidence is not acted on. */
  readonly at: number;
  /** Who saw it: guards ask for independent vantages. */
  readonly vantages: readonly string[];
  /** One sentence for people. */
  readonly reason: string;
  readonly evidence: JsonObject;
  /**
   * How long it counts without being seen again; for good when left out. What rests on traffic or on readings ends with
   * them: no data is neither good nor bad.
   */
  readonly staysMs?: number;
  /** It has ended, and what it did is still felt: it explains that, and accuses nobody any more. */
  readonly over?: true;
}

export type Change =
  | { readonly raise: Symptom }
  /** It has ended; raising it again takes that back. */
  | { readonly over: SymptomName; readonly subject: Subject }
  | { readonly clear: SymptomName; readonly subject: Subject };

/** `exited instance ins_x`: two claims with the same key are one. */
export function symptomKey(name: SymptomName, subject: Subject): string {
  return `${name} ${subject.kind} ${subject.name}`;
}

/** A claim on traffic outlasts a few reports, however seldom they come. */
export function staysMsOf(spanMs: number): number {
  return Math.max(15_000, 3 * spanMs);
}

export function instanceSubject(ref: { instance: string; workload: string; version: number }): Subject {
  return { kind: 'instance', name: ref.instance, workload: ref.workload, version: ref.version };
}

export function versionSubject(workload: string, version: number): Subject {
  return { kind: 'version', name: `${workload}@${version}`, workload, version };
}

export function routeSubject(workload: string, route: string): Subject {
  return { kind: 'route', name: `${workload} ${route}`, workload, route };
}
