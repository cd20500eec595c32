/** Constraints of the metaschema of OSCAL 1.2.1 that its JSON schema leaves out, as far as they bear on assessment results. */

/** One list of allowed values. */
export interface AllowedValues {
  /** Of which objects: the name of their list, or their own; all that have the value when left out. */
  readonly of?: string;
  /** The name above that. */
  readonly under?: string;
  readonly name: string;
  readonly values: readonly string[];
}

const RISK_STATUSES = ['open', 'investigating', 'remediating', 'deviation-requested', 'deviation-approved', 'closed'];

export const ALLOWED: readonly AllowedValues[] = [
  { of: 'observations', name: 'methods', values: ['EXAMINE', 'INTERVIEW', 'TEST', 'UNKNOWN'] },
  {
    of: 'observations',
    name: 'types',
    values: ['ssp-statement-issue', 'control-objective', 'mitigation', 'finding', 'historic'],
  },
  { of: 'remediations', name: 'lifecycle', values: ['recommendation', 'planned', 'completed'] },
  { of: 'status', under: 'target', name: 'reason', values: ['pass', 'fail', 'other'] },
  { of: 'status', under: 'target', name: 'state', values: ['satisfied', 'not-satisfied'] },
  {
    of: 'implementation-status',
    name: 'state',
    values: ['implemented', 'partial', 'planned', 'alternative', 'not-applicable'],
  },
  { of: 'risks', name: 'status', values: RISK_STATUSES },
  { of: 'entries', name: 'status-change', values: RISK_STATUSES },
  { of: 'target', name: 'type', values: ['statement-id', 'objective-id'] },
  { of: 'actors', name: 'type', values: ['tool', 'assessment-platform', 'party'] },
  { of: 'subjects', name: 'type', values: ['component', 'inventory-item', 'location', 'party', 'user', 'resource'] },
  {
    of: 'hashes',
    name: 'algorithm',
    values: ['SHA-224', 'SHA-256', 'SHA-384', 'SHA-512', 'SHA3-224', 'SHA3-256', 'SHA3-384', 'SHA3-512'],
  },
  {
    of: 'components',
    name: 'type',
    values: [
      'this-system',
      'system',
      'interconnection',
      'software',
      'hardware',
      'service',
      'policy',
      'physical',
      'process-procedure',
      'plan',
      'guidance',
      'standard',
      'validation',
      'network',
    ],
  },
];

/** Keys that name the `uuid` of something else, and the list in which that stands; by the `type` beside it where it depends. */
export const REFERENCES: Readonly<Record<string, string | Readonly<Record<string, string>>>> = {
  'observation-uuid': 'observations',
  'risk-uuid': 'risks',
  'response-uuid': 'remediations',
  'component-uuid': 'components',
  'party-uuids': 'parties',
  'actor-uuid': { tool: 'components', 'assessment-platform': 'assessment-platforms', party: 'parties' },
  'subject-uuid': {
    component: 'components',
    'inventory-item': 'inventory-items',
    location: 'locations',
    party: 'parties',
    user: 'users',
    resource: 'resources',
  },
};

/** Properties of a resource that are OSCAL's own, with their values; none: any. */
export const RESOURCE_PROPS: Readonly<Record<string, readonly string[]>> = {
  type: [
    'logo',
    'image',
    'screen-shot',
    'law',
    'regulation',
    'standard',
    'external-guidance',
    'acronyms',
    'citation',
    'policy',
    'procedure',
    'system-guide',
    'users-guide',
    'administrators-guide',
    'rules-of-behavior',
    'plan',
    'artifact',
    'evidence',
    'tool-output',
    'raw-data',
    'interview-notes',
    'questionnaire',
    'report',
    'agreement',
  ],
  version: [],
  published: [],
};
