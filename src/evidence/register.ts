import type { Contact } from '../resources/contact.ts';

/** Where data are, by what was measured; null for a kind of place that nothing measured. */
export type Places = Readonly<Record<PlaceKind, readonly string[] | null>>;

/** Kinds of places that have a fact `residency.<kind>`. */
export const PLACE_KINDS = ['instances', 'stores', 'backups', 'logs', 'keys', 'support'] as const;
export type PlaceKind = (typeof PLACE_KINDS)[number];

/**
 * The record of processing of a processor (GDPR Art. 30(2)), as far as it does not change by itself with time: the same
 * processing gives the same bytes and one digest. What was measured at the moment stands beside it, in `Proof`.
 */
export interface Register {
  readonly form: 1;
  /** Art. 30(2)(a). */
  readonly processor: {
    readonly office: Contact | null;
    readonly representative: Contact | null;
    readonly dataProtectionOfficer: Contact | null;
  };
  /** By name of the tenant: each is a controller on whose behalf data are processed. */
  readonly controllers: Readonly<Record<string, ControllerEntry>>;
}

export interface ControllerEntry {
  readonly displayName: string | null;
  readonly controller: Contact | null;
  readonly representative: Contact | null;
  readonly dataProtectionOfficer: Contact | null;
  /** Art. 30(2)(b): what is done for it. */
  readonly categories: readonly string[];
  readonly dataClasses: readonly string[];
  readonly regionsPermitted: readonly string[];
  readonly regionsMeasured: Places;
  /** Art. 30(2)(c): regions outside of the Union, and on what the transfer rests; null where nobody said. */
  readonly transfers: Readonly<Record<string, string | null>>;
  /** Other processors, and whether a signed agreement with them is on record. */
  readonly processors: Readonly<Record<string, 'agreement on record' | 'no agreement on record'>>;
  /** Art. 30(2)(d): controls that were measured as satisfied, with the facts that they stand on. */
  readonly measures: Readonly<Record<string, MeasureEntry>>;
  /** What the record has to say and does not. */
  readonly missing: readonly string[];
}

export interface MeasureEntry {
  readonly clause: string;
  readonly title: string;
  /** Names of facts with their subjects: `rls.enabled of postgresql/records/eu`. */
  readonly facts: readonly string[];
}

/** What a measure stood on at the moment of the record, by tenant and control. */
export type Proof = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;

/** A version of the record, as it is kept. */
export interface RegisterVersion {
  readonly version: number;
  /** SHA-256 of the canonical JSON of `register`. */
  readonly digest: string;
  readonly madeAt: string;
  readonly madeBy: string;
  readonly register: Register;
  readonly proof: Proof;
}

/** What is known of a tenant for its entry. */
export type EntryMaterial = Omit<ControllerEntry, 'transfers' | 'missing'> & {
  readonly safeguards: Readonly<Record<string, string>>;
};

/** The entry of a tenant, with its transfers, and with what is missing from it named. */
export function entryOf({ safeguards, ...material }: EntryMaterial, processor: Register['processor']): ControllerEntry {
  const measured = Object.values(material.regionsMeasured).flatMap((regions) => regions ?? []);
  const regions = [...new Set([...material.regionsPermitted, ...measured])].toSorted();
  const outside = regions.filter((each) => !isInUnion(each));
  const transfers = Object.fromEntries(outside.map((each) => [each, safeguards[each] ?? null]));
  const { instances, stores } = material.regionsMeasured;
  const missing = [
    ...(processor.office === null ? ['name and contact of the processor (Policy spec.processor)'] : []),
    ...(material.controller === null ? ['name and contact of the controller (Tenant spec.processing)'] : []),
    ...(material.categories.length === 0 ? ['categories of processing (Tenant spec.processing)'] : []),
    ...outside.flatMap((each) =>
      transfers[each] === null ? [`on what transfers to ${each} rest (Tenant spec.processing.safeguards)`] : [],
    ),
    ...(instances === null && stores === null ? ['where the data are: nothing has measured it'] : []),
    ...(Object.keys(material.measures).length === 0 ? ['security measures: no control was measured as satisfied'] : []),
  ];
  return { ...material, transfers, missing };
}

/** A region is taken to be in the Union when its name says so; of any other, somebody has to say on what a transfer rests. */
function isInUnion(region: string): boolean {
  return /^eu(?:$|[-0-9])/.test(region);
}
