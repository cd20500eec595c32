import { fromIso, toIso } from '../base/clock.ts';
import { digestOfJson } from '../base/digest.ts';
import {
  type Assessment,
  awareAtOf,
  classifiedAtOf,
  drillOf,
  endedAtOf,
  isClosed,
  tenantsOf,
} from '../comply/breach/breach.ts';
import { type BreachClock, clocksOf, isRunning } from '../comply/breach/clocks.ts';
import { readIncidents } from '../heal/incident-store.ts';
import type { Incident } from '../heal/memory.ts';
import type { Plan } from '../heal/plan.ts';
import type { Contact } from '../resources/contact.ts';
import type { Control } from './control.ts';
import { tenantIncidents } from './tenant-views.ts';
import { incidentSummary, incidentView } from './views.ts';

/** An incident is known a little after, or a little before, a fact says the same. */
const NEAR_MS = 10 * 60_000;
const INCIDENTS_LOOKED_AT = 500;

/** One line of the list. */
export function breachSummary(assessment: Assessment, now: number) {
  const clocks = clocksOf(assessment, now);
  const next = clocks.filter(isRunning).toSorted((a, b) => (a.dueAt ?? 0) - (b.dueAt ?? 0))[0];
  const { id, loss, what, detectedAt } = assessment;
  return {
    id,
    loss,
    what,
    state: stateOf(assessment, clocks, now),
    tenants: tenantsOf(assessment),
    detectedAt: toIso(detectedAt),
    awareAt: isoOf(awareAtOf(assessment, now)),
    endedAt: isoOf(endedAtOf(assessment)),
    drill: drillOf(assessment),
    next: next ? clockView(next) : null,
  };
}

/** Everything that is known of a loss, and every clock; with what one tenant may know of it, when it is named. */
export async function breachView(control: Control, assessment: Assessment, tenant?: string) {
  const { options, world } = control;
  const now = options.clock.now();
  const { incident, snapshot, steps } = assessment;
  const all = await incidentsOf(options.database, assessment);
  const near = tenant === undefined ? all : await tenantIncidents(control, all, tenant);
  const told = await Promise.all(near.map((each) => incidentView(options.database, each)));
  const touched = new Set(tenantsOf(assessment));
  return {
    ...breachSummary(assessment, now),
    classifiedAt: isoOf(classifiedAtOf(assessment)),
    incident,
    snapshot,
    snapshotDigest: digestOfJson(snapshot),
    clocks: clocksOf(assessment, now).map(clockView),
    steps: steps.map((step) => ({ ...step, at: toIso(step.at) })),
    measures: told.map(({ repairs }, index) => ({
      incident: near[index] && incidentSummary(near[index]),
      repairs: repairs.map(({ id, outcome, startedAt, endedAt, plan }) => {
        const { steps: planned } = plan as unknown as Plan;
        return { id, outcome, startedAt, endedAt, effects: planned.map(({ move, effect }) => ({ move, effect })) };
      }),
    })),
    people: world.declared.tenants
      .filter(({ metadata }) => touched.has(metadata.name))
      .map(({ metadata, spec }) => ({
        tenant: metadata.name,
        displayName: spec.displayName ?? null,
        dataClasses: spec.dataClasses,
        controller: contactOf(spec.processing.controller),
        dataProtectionOfficer: contactOf(spec.processing.dataProtectionOfficer),
      })),
    processor: {
      office: contactOf(world.declared.policy?.spec.processor?.office),
      dataProtectionOfficer: contactOf(world.declared.policy?.spec.processor?.dataProtectionOfficer),
    },
  };
}

function contactOf(contact: Contact | undefined): Contact | null {
  return contact ?? null;
}

function stateOf(assessment: Assessment, clocks: readonly BreachClock[], now: number): string {
  if (drillOf(assessment) !== null) return 'drill';
  if (isClosed(assessment)) return 'closed';
  if (clocks.some(({ state }) => state === 'overdue')) return 'overdue';
  if (assessment.steps.some(({ kind }) => kind === 'decided')) return 'decided';
  return awareAtOf(assessment, now) === null ? 'to assess' : 'aware';
}

function clockView({ key, duty, startedAt, dueAt, remindAt, limit, state, waitsFor, isToBeSent, sentAt }: BreachClock) {
  return {
    key,
    tenant: duty?.tenant ?? null,
    framework: duty?.framework ?? null,
    control: duty?.control ?? null,
    clause: duty?.clause ?? null,
    to: duty?.to ?? null,
    state,
    waitsFor,
    startedAt: isoOf(startedAt),
    remindAt: isoOf(remindAt),
    dueAt: isoOf(dueAt),
    limit,
    isToBeSent,
    sentAt: isoOf(sentAt),
  };
}

/** Incidents about the same thing at the same time: what was done about them are the measures. */
async function incidentsOf(
  database: Control['options']['database'],
  assessment: Assessment,
): Promise<readonly Incident[]> {
  const subject = assessment.cause.split(' ').slice(2).join(' ');
  const endedAt = endedAtOf(assessment);
  const all = await readIncidents(database, INCIDENTS_LOOKED_AT);
  return all.filter((each) => {
    if (each.id === assessment.incident) return true;
    const at = fromIso(each.body.detectedAt);
    const isNear = at >= assessment.detectedAt - NEAR_MS && (endedAt === null || at <= endedAt + NEAR_MS);
    return isNear && subject !== '' && incidentSummary(each).subject.includes(subject);
  });
}

function isoOf(at: number | null): string | null {
  return at === null ? null : toIso(at);
}
