import { toIso } from '../base/clock.ts';
import { KinError } from '../base/errors.ts';
import type { Json } from '../base/json.ts';
import type { Deviation, Result } from '../comply/posture.ts';
import type { Standing } from '../evidence/assembly.ts';
import type { ExceptionRecord, ObservationRecord } from '../evidence/dossier.ts';
import { FACT_KINDS } from '../resources/fact-kinds.ts';
import type { Profile } from '../resources/profile.ts';
import { suggestion } from '../resources/schema-issue.ts';
import type { Control } from './control.ts';
import { readViolationsBetween } from './violation-times.ts';

/** Of whom, under what, over which time (ISO 8601). */
export interface StandingQuestion {
  readonly tenant: string;
  readonly framework: string;
  readonly from: string;
  readonly to: string;
}

/** How a tenant stands under a framework, for a report. Rejects with `resource.unknown` when it does not live under it. */
export async function standingView(control: Control, question: StandingQuestion): Promise<Standing> {
  const { compliance, options, world } = control;
  const { tenant: name, framework } = question;
  const { posture } = compliance;
  const { tenants, profiles } = world.declared;
  const names = tenants.map(({ metadata }) => metadata.name);
  const tenant = tenants.find(({ metadata }) => metadata.name === name);
  if (!tenant) throw new KinError('resource.unknown', `there is no tenant ${name}${suggestion(name, names)}`);
  const profile = profiles.find(({ metadata }) => metadata.name === framework);
  const own = posture.frameworksOf(name);
  if (!profile || !own.includes(framework)) {
    const known = own.length === 0 ? `${name} lives under none` : `${name} lives under ${own.join(', ')}`;
    throw new KinError('resource.unknown', `${known}, not under ${framework}${suggestion(framework, own)}`);
  }
  return {
    tenant: { name, displayName: tenant.spec.displayName ?? null },
    framework: { name: framework, title: profile.spec.title, source: profile.spec.source ?? null },
    operator: world.declared.policy?.spec.processor?.office.name ?? null,
    tenants: names,
    profile: profile as unknown as Json,
    controls: posture.results(name, framework, options.clock.now()).map(controlOf),
    violations: await readViolationsBetween(options.database, question),
    exceptions: exceptionsOf(control, name, profile),
  };
}

/** Of this tenant, from controls of this framework; those that have run out too. */
function exceptionsOf({ compliance, world }: Control, tenant: string, profile: Profile): readonly ExceptionRecord[] {
  const ids = new Set(profile.spec.controls.map(({ id }) => id));
  return world.declared.exceptions
    .filter(({ spec }) => ids.has(spec.control) && (spec.tenants.length === 0 || spec.tenants.includes(tenant)))
    .map(({ metadata: { name }, spec }) => ({
      name,
      control: spec.control,
      owner: spec.owner,
      reason: spec.reason,
      compensatingControl: spec.compensatingControl,
      expiresAt: spec.expires,
      matches: compliance.matches.matches(name),
      matchesSince: toIso(compliance.matches.since(name)),
    }));
}

function controlOf({ control, parameters, reasons, deviation }: Result): Standing['controls'][number] {
  const { id, clause, link, title, paraphrase, level, decidedBy, evidence } = control;
  return {
    id,
    clause,
    link: link ?? null,
    title,
    paraphrase,
    level,
    parameters: Object.entries(control.parameters).map(([name, { unit, status, source, value }]) => {
      const held = parameters[name] ?? value;
      const isTightened = JSON.stringify(held) !== JSON.stringify(value);
      return {
        name,
        value: Array.isArray(held) ? held.join(', ') : String(held),
        unit,
        status: isTightened ? 'contract' : status,
        source: isTightened ? `contract; ${status}: ${String(value)}` : source,
      };
    }),
    observations: reasons.map(observationOf),
    deviation: deviation && deviationOf(deviation),
    decidedBy: decidedBy ?? null,
    proof: evidence ?? null,
  };
}

function observationOf(reason: Result['reasons'][number]): ObservationRecord {
  const { fact, subject, status, text, measuredAt, collector, evidence } = reason;
  const kind = FACT_KINDS[fact];
  return {
    fact,
    subject: subject === null ? null : `${kind.of} ${subject}`,
    status,
    text,
    measuredAt: measuredAt === null ? null : toIso(measuredAt),
    expiresAt: measuredAt === null ? null : toIso(measuredAt + kind.freshMs),
    collector,
    transcript: evidence,
  };
}

function deviationOf({ name, owner, reason, compensatingControl, expiresAt }: Deviation) {
  return { name, owner, reason, compensatingControl, expiresAt: toIso(expiresAt) };
}
