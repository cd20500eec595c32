import { fromIso } from '../base/clock.ts';
import type { Fact, FactValue, Measured } from '../observe/fact.ts';
import type { FactName } from '../resources/fact-kinds.ts';
import { RECORD_KIND_NAMES, RECORD_KINDS, type RecordKindName } from '../resources/record-kinds.ts';
import type { PeopleRecord } from './people-records.ts';

/** A tenant, as far as records of people are about it. */
export interface RecordTenant {
  readonly name: string;
  readonly processors: readonly string[];
  readonly dataClasses: readonly string[];
}

/** Who says so. */
export const RECORDS = 'people-records';
/** Subject of what is about all of it, and of what is about people while there is no record of any. */
const FLEET = 'fleet';
const NOBODY = 'nobody';
const DAY_MS = 86_400_000;

/**
 * What signed records prove, of those that stand (imported and not withdrawn). The newest of a kind counts until it expires:
 * after that, and while there is none, the fact is unknown and says which record is missing.
 */
export function recordFacts(
  records: readonly PeopleRecord[],
  tenants: readonly RecordTenant[],
  now: number,
): readonly Fact[] {
  const shelf = new Shelf(records, now);
  return [
    ...RECORD_KIND_NAMES.flatMap((kind) => ageFacts(kind, shelf, tenants, now)),
    ...tenants.flatMap((tenant) => [agreementsOf(tenant, shelf, now), impactOf(tenant, shelf, now)]),
    fact(
      'record.roster.empty',
      FLEET,
      'all',
      shelf.measured('roster', 'platform', () => false),
      now,
    ),
    fact(
      'record.scan.internal.open',
      FLEET,
      'all',
      shelf.measured('internal-scan', 'platform', ({ open }) => open ?? 0),
      now,
    ),
  ];
}

/** The kinds of facts that records prove. */
export const RECORD_FACTS: readonly FactName[] = [
  ...RECORD_KIND_NAMES.flatMap((kind) => RECORD_KINDS[kind].age ?? []),
  'record.agreements.missing',
  'record.impactAssessment.missing',
  'record.roster.empty',
  'record.scan.internal.open',
];

/** The newest record of each kind and subject. */
class Shelf {
  readonly #newest = new Map<string, PeopleRecord>();
  readonly #now: number;

  constructor(records: readonly PeopleRecord[], now: number) {
    this.#now = now;
    for (const record of records) {
      const key = `${record.kind} ${record.about}`;
      const before = this.#newest.get(key);
      if (!before || before.done < record.done || (before.done === record.done && before.expires < record.expires))
        this.#newest.set(key, record);
    }
  }

  aboutOf(kind: RecordKindName): readonly string[] {
    return [...this.#newest.values()].flatMap((each) => (each.kind === kind ? [each.about] : []));
  }

  isInForce(kind: RecordKindName, about: string): boolean {
    const record = this.#newest.get(`${kind} ${about}`);
    return record !== undefined && dayOf(record.expires) > this.#now;
  }

  measured(kind: RecordKindName, about: string, read: (record: PeopleRecord) => FactValue): Measured {
    const record = this.#newest.get(`${kind} ${about}`);
    const { what } = RECORD_KINDS[kind];
    if (!record)
      return { kind: 'unknown', reason: `no signed record says that ${what}; see \`kintsugi record import\`` };
    if (dayOf(record.expires) <= this.#now)
      return { kind: 'unknown', reason: `the last signed record that ${what} expired on ${record.expires}` };
    return { kind: 'value', value: read(record) };
  }
}

function ageFacts(kind: RecordKindName, shelf: Shelf, tenants: readonly RecordTenant[], now: number): readonly Fact[] {
  const { age, about } = RECORD_KINDS[kind];
  if (age === null) return [];
  const days = ({ done }: PeopleRecord) => Math.floor((now - dayOf(done)) / DAY_MS);
  const measured = (subject: string) => shelf.measured(kind, subject, days);
  if (about === 'platform') return [fact(age, FLEET, 'all', measured('platform'), now)];
  if (about === 'tenant') return tenants.map(({ name }) => fact(age, name, [name], measured(name), now));
  const people = shelf.aboutOf(kind);
  return (people.length === 0 ? [NOBODY] : people).map((id) => fact(age, id, 'all', measured(id), now));
}

function agreementsOf({ name, processors }: RecordTenant, shelf: Shelf, now: number): Fact {
  const missing = processors.filter((each) => !shelf.isInForce('agreement', each)).length;
  return fact('record.agreements.missing', name, [name], { kind: 'value', value: missing }, now);
}

/** Health data of many people are high risk (GDPR Art. 35(3)(b)); of anything else a person has to say so. */
function impactOf({ name, dataClasses }: RecordTenant, shelf: Shelf, now: number): Fact {
  const isAssessed = shelf.isInForce('impact-assessment', name);
  const measured: Measured =
    isAssessed || dataClasses.includes('health')
      ? { kind: 'value', value: !isAssessed }
      : { kind: 'unknown', reason: 'a person has to say whether the risk is high; no signed assessment says so' };
  return fact('record.impactAssessment.missing', name, [name], measured, now);
}

function fact(
  name: FactName,
  subject: string,
  tenants: readonly string[] | 'all',
  measured: Measured,
  measuredAt: number,
): Fact {
  return { name, subject, tenants, measured, measuredAt, collector: RECORDS, evidence: null };
}

function dayOf(day: string): number {
  return fromIso(`${day}T00:00:00Z`);
}
