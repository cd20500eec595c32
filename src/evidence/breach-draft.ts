import { fromIso } from '../base/clock.ts';
import { printDuration } from '../base/duration.ts';

/** A loss as a draft is made of it: what control tells, and the entries of the ledger that hold each step. */
export interface DraftMaterial {
  readonly id: string;
  readonly loss: string;
  readonly what: string;
  readonly detectedAt: string;
  readonly awareAt: string | null;
  readonly endedAt: string | null;
  readonly drill: string | null;
  readonly snapshot: Readonly<Record<string, unknown>>;
  readonly snapshotDigest: string;
  readonly clocks: readonly DraftClock[];
  readonly steps: readonly { readonly kind: string; readonly what?: string }[];
  readonly measures: readonly DraftMeasure[];
  readonly people: readonly DraftPerson[];
  readonly processor: { readonly office: Office | null; readonly dataProtectionOfficer: Office | null };
}

export interface Office {
  readonly name: string;
  readonly contact: string;
}

interface DraftPerson {
  readonly tenant: string;
  readonly displayName: string | null;
  readonly dataClasses: readonly string[];
  readonly controller: Office | null;
  readonly dataProtectionOfficer: Office | null;
}

interface DraftMeasure {
  readonly incident: { readonly id: string; readonly openedAt: string; readonly closedAt: string | null };
  readonly repairs: readonly {
    readonly id: string;
    readonly outcome: string | null;
    readonly startedAt: string | number;
    readonly endedAt: string | number | null;
    readonly effects: readonly { readonly move: string; readonly effect: string }[];
  }[];
}

export interface DraftClock {
  readonly key: string;
  readonly tenant: string | null;
  readonly control: string | null;
  readonly clause: string | null;
  readonly to: string | null;
  readonly dueAt: string | null;
  readonly state: string;
}

/** Numbers of the ledger's entries, by what each is about: an assessment, an incident, a repair. */
export type EntriesOf = (subject: string) => readonly number[];

const NOT_KNOWN = 'not known yet';
const SHOWN_MAX = 20;

/**
 * The text of a notice for one tenant, filled with what is known. What is not known says so plainly, for a person to fill
 * in. It names no other tenant, and it is not sent: only a person sends.
 */
export function draftOf(material: DraftMaterial, clock: DraftClock, entriesOf: EntriesOf): string {
  const person = material.people.find(({ tenant }) => tenant === clock.tenant);
  const { id, loss, what, detectedAt, awareAt, endedAt, drill } = material;
  const also = material.steps.flatMap((step) => (step.kind === 'found' && step.what ? [step.what] : []));
  const lines = [
    ...(drill === null ? [] : [`THIS WAS A DRILL (${drill}). NOTHING IS TO BE SENT.`, '']),
    `DRAFT of a notice to ${clock.to} (${clock.clause})`,
    `Assessment ${id}; due ${clock.dueAt ?? NOT_KNOWN}. Only a person sends this.`,
    '',
    section('1. Nature of the breach', [
      `Loss of ${loss}: ${[what, ...also].join('; ')}.`,
      `Detected by measurement: ${detectedAt}. Aware of it: ${awareAt ?? NOT_KNOWN}.`,
      `Over: ${endedAt === null ? 'not yet, the sign still stands' : `${endedAt}, after ${lasted(detectedAt, endedAt)}`}.`,
      `Cause: ${NOT_KNOWN}${material.measures.length > 0 ? '; suspected: see the incidents below' : ''}.`,
    ]),
    section('2. Data and people concerned', [
      `Tenant: ${person?.displayName ?? clock.tenant ?? NOT_KNOWN}.`,
      `Categories of data that may be among them: ${person?.dataClasses.join(', ') ?? NOT_KNOWN}.`,
      `Measured: ${numbersOf(material.snapshot)}.`,
      `Number of people concerned, approximately: ${NOT_KNOWN}.`,
      `Number of records concerned, approximately: ${NOT_KNOWN}.`,
    ]),
    section('3. Contact', [
      `Controller: ${officeOf(person?.controller)}.`,
      `Data protection officer of the controller: ${officeOf(person?.dataProtectionOfficer)}.`,
      `Processor: ${officeOf(material.processor.office)}.`,
      `Data protection officer of the processor: ${officeOf(material.processor.dataProtectionOfficer)}.`,
    ]),
    section('4. Likely consequences', [`${NOT_KNOWN}; a person has to judge them.`]),
    section('5. Measures taken', measuresOf(material, entriesOf)),
    section('6. Evidence', [
      `What was measured at the detection: ${material.snapshotDigest}.`,
      `Entries of the ledger about this assessment: ${numbersIn(entriesOf(id))}.`,
    ]),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}

function section(title: string, lines: readonly string[]): string {
  return `${title}\n${lines.map((line) => `   ${line}\n`).join('')}`;
}

function measuresOf({ measures }: DraftMaterial, entriesOf: EntriesOf): readonly string[] {
  const lines = measures.flatMap(({ incident, repairs }) => {
    const head = `Incident ${incident.id}, opened ${incident.openedAt}, ${incident.closedAt === null ? 'still open' : `closed ${incident.closedAt}`}; entries ${numbersIn(entriesOf(incident.id))}.`;
    const made = repairs.map(({ id, outcome, effects }) => {
      const done = effects.map(({ move, effect }) => `${move}: ${effect}`).join('; ');
      return `Repair ${id} (${outcome ?? 'under way'}): ${done}; entries ${numbersIn(entriesOf(id))}.`;
    });
    return [head, ...(made.length === 0 ? ['No repair was made by the machine.'] : made)];
  });
  const rest = `What people did besides: ${NOT_KNOWN}.`;
  return lines.length === 0 ? [`By the machine: ${NOT_KNOWN}.`, rest] : [...lines, rest];
}

function numbersOf({ fact, value, subject }: DraftMaterial['snapshot']): string {
  if (typeof fact !== 'string' || typeof subject !== 'string') return NOT_KNOWN;
  // A tenant's name is not repeated where the notice may be read by others.
  const place = subject.startsWith('tenant ') ? '' : ` of ${subject}`;
  return `${fact}${place} was ${String(value)}`;
}

function numbersIn(entries: readonly number[]): string {
  if (entries.length === 0) return NOT_KNOWN;
  const shown = entries.slice(0, SHOWN_MAX).join(', ');
  return entries.length > SHOWN_MAX ? `${shown} and ${entries.length - SHOWN_MAX} more` : shown;
}

function officeOf(office: Office | null | undefined): string {
  return office ? `${office.name}, ${office.contact}` : NOT_KNOWN;
}

function lasted(from: string, to: string): string {
  return printDuration(fromIso(to) - fromIso(from));
}
