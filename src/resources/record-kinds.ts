import type { FactName } from './fact-kinds.ts';

/** What a record is about. */
type About = 'platform' | 'tenant' | 'person' | 'processor';

/** One kind of record that people keep: what it is about, and which fact its age proves. */
export interface RecordKind {
  readonly about: About;
  /** The fact whose value is its age in days; null where another fact is made of it. */
  readonly age: FactName | null;
  /** For people: what was done. */
  readonly what: string;
}

/**
 * Every kind of record that can be imported. What a machine can measure is not among them, and what is proves only that
 * somebody who is trusted here signed it.
 */
// biome-ignore format: one row a kind
export const RECORD_KINDS = {
  'training': { about: 'person', age: 'record.training.ageDays', what: 'a person was trained' },
  'access-review': { about: 'tenant', age: 'access.review.ageDays', what: "people's access was reviewed" },
  'system-access-review': { about: 'platform', age: 'access.review.systemAgeDays', what: 'system accounts were reviewed' },
  'network-review': { about: 'platform', age: 'network.review.ageDays', what: 'network rules were reviewed' },
  'risk-analysis': { about: 'platform', age: 'record.riskAnalysis.ageDays', what: 'risks were analysed' },
  'evaluation': { about: 'platform', age: 'record.evaluation.ageDays', what: 'the security measures were evaluated' },
  'scope': { about: 'platform', age: 'record.scope.ageDays', what: 'the scope was confirmed' },
  'network-map': { about: 'platform', age: 'record.network-map.ageDays', what: 'the network was mapped' },
  'cryptography-review': { about: 'platform', age: 'record.cryptography.ageDays', what: 'ciphers and protocols were reviewed' },
  'technology-review': { about: 'platform', age: 'record.technology.ageDays', what: 'hardware and software were reviewed' },
  'internal-scan': { about: 'platform', age: 'record.scan.internal.ageDays', what: 'an internal scan was made' },
  'external-scan': { about: 'platform', age: 'record.scan.external.ageDays', what: 'an approved vendor scanned and passed' },
  'penetration-test': { about: 'platform', age: 'record.penetration.ageDays', what: 'a penetration test was made' },
  'segmentation-test': { about: 'platform', age: 'record.segmentation.ageDays', what: 'the separation of customers was tested' },
  'agreement': { about: 'processor', age: null, what: 'an agreement with a processor is in force' },
  'agreements-review': { about: 'platform', age: 'record.agreements.ageDays', what: 'providers and agreements were reviewed' },
  'incident-plan-test': { about: 'platform', age: 'record.incidentPlan.ageDays', what: 'the incident plan was tested' },
  'roster': { about: 'platform', age: null, what: 'somebody is on call' },
  'impact-assessment': { about: 'tenant', age: null, what: 'the impact of processing was assessed' },
  'purge-proof': { about: 'tenant', age: 'retention.purge.ageDays', what: 'expired data were deleted' },
  'policy': { about: 'platform', age: null, what: 'a policy was signed' },
  'contract': { about: 'tenant', age: null, what: 'a contract is in force' },
  'drill-attestation': { about: 'platform', age: null, what: 'somebody answers for a drill' },
} as const satisfies Readonly<Record<string, RecordKind>>;

export type RecordKindName = keyof typeof RECORD_KINDS;

export const RECORD_KIND_NAMES = Object.keys(RECORD_KINDS) as readonly RecordKindName[];
