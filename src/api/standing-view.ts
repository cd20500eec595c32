import { toIso } from '../base/clock.ts';
import { KinError } from '../base/errors.ts';
import type { Json } from '../base/json.ts';
import type { Deviation, Result } from '../comply/posture.ts';
import type { Standing } from '../evidence/assembly.ts';
import type { ObservationRecord } from '../evidence/dossier.ts';
import { FACT_KINDS } from '../resources/fact-kinds.ts';
import { suggestion } from '../resources/schema-issue.ts';
import type { Control } from './control.ts';

/** How a tenant stands under a framework, for a report. Throws `resource.unknown` when it does not live under it. */
export function standingView({ compliance, options, world }: Control, name: string, framework: string): Standing {
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
    tenants: names,
    profile: profile as unknown as Json,
    controls: posture.results(name, framework, options.clock.now()).map(controlOf),
  };
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
