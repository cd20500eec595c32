import { fromIso, toIso } from '../base/clock.ts';
import { KinError } from '../base/errors.ts';
import type { Posture, Result } from '../comply/posture.ts';
import { suggestion } from '../resources/schema-issue.ts';
import type { Control } from './control.ts';

/** How every tenant stands under each of its frameworks, worst first; of one tenant when it is named. */
export function postureView(control: Control, tenant?: string) {
  const { compliance, options } = control;
  const { posture } = compliance;
  const now = options.clock.now();
  if (tenant !== undefined) knownTenant(posture, tenant);
  const names = tenant === undefined ? posture.tenants() : [tenant];
  const rows = names.flatMap((name) =>
    posture
      .frameworksOf(name)
      .map((framework) => ({ tenant: name, framework, ...countsOf(posture, name, framework, now) })),
  );
  const unjudged = names.flatMap((name) =>
    posture.unknownFrameworks(name).map((framework) => ({ tenant: name, framework })),
  );
  return {
    at: toIso(now),
    rows: rows.toSorted((a, b) => b.notSatisfied - a.notSatisfied || b.unknown - a.unknown),
    unjudged,
    exceptions: exceptionsView(control, now, tenant),
  };
}

/** Every exception, and how often it stood in for a bad result: one that never does is no longer needed. */
function exceptionsView({ compliance, world }: Control, now: number, tenant?: string) {
  const { posture, matches } = compliance;
  return world.declared.exceptions
    .filter(({ spec }) => tenant === undefined || spec.tenants.length === 0 || spec.tenants.includes(tenant))
    .map(({ metadata: { name }, spec }) => ({
      name,
      control: spec.control,
      owner: spec.owner,
      compensatingControl: spec.compensatingControl,
      expiresAt: spec.expires,
      isExpired: fromIso(spec.expires) <= now,
      standsFor: posture.standsFor(name, now),
      matches: matches.matches(name),
      matchesSince: toIso(matches.since(name)),
    }));
}

function countsOf(posture: Posture, tenant: string, framework: string, now: number) {
  return posture.counts(tenant, framework, now) ?? { satisfied: 0, notSatisfied: 0, unknown: 0, addressed: 0 };
}

/** Every control of a tenant, with what each result stands on. */
export function tenantPostureView(control: Control, tenant: string) {
  const { posture } = control.compliance;
  const now = control.options.clock.now();
  knownTenant(posture, tenant);
  const results = posture.frameworksOf(tenant).flatMap((framework) => posture.results(tenant, framework, now));
  return { ...postureView(control, tenant), results: results.map(resultView) };
}

/** One control: what it asks for, and how each tenant that it binds stands. Throws `resource.unknown`. */
export function controlView({ compliance, options, world }: Control, id: string, tenant?: string) {
  const { posture } = compliance;
  const now = options.clock.now();
  const found = world.declared.profiles.flatMap(({ metadata, spec }) =>
    spec.controls.filter((each) => each.id === id).map((spec) => ({ framework: metadata.name, ...spec })),
  )[0];
  if (!found) {
    const ids = world.declared.profiles.flatMap(({ spec }) => spec.controls.map((each) => each.id));
    throw new KinError('resource.unknown', `no profile has a control ${id}${suggestion(id, ids)}`);
  }
  const names = tenant === undefined ? posture.tenants() : [tenant];
  const results = names.flatMap((name) => {
    const result = posture.result(name, id, now);
    return result ? [{ tenant: name, ...resultView(result) }] : [];
  });
  return { control: found, results };
}

function resultView({ control, framework, status, reasons, parameters, since, deviation }: Result) {
  return {
    control: control.id,
    title: control.title,
    framework,
    clause: control.clause,
    level: control.level,
    status,
    since: toIso(since),
    parameters,
    reasons: reasons.map(({ measuredAt, ...reason }) => ({
      ...reason,
      measuredAt: measuredAt === null ? null : toIso(measuredAt),
    })),
    decidedBy: control.checks.length === 0 ? (control.decidedBy ?? null) : null,
    deviation: deviation && { ...deviation, expiresAt: toIso(deviation.expiresAt) },
  };
}

function knownTenant(posture: Posture, tenant: string): void {
  const tenants = posture.tenants();
  if (tenants.includes(tenant)) return;
  throw new KinError('resource.unknown', `there is no tenant ${tenant}${suggestion(tenant, tenants)}`);
}
