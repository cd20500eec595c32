import type { ManifestSource } from '../manifest-document.ts';
import { formatProblem, manifestFault } from '../manifest-problem.ts';
import { suggestion } from '../schema-issue.ts';
import { type Tenant, tenantSchema } from '../tenant.ts';
import { Complaints } from './complaints.ts';
import { alertComplaints } from './openslo-alerts.ts';
import { indicatorOf } from './openslo-indicator.ts';
import { type OpensloDocuments, type Placed, readOpenslo } from './openslo-documents.ts';
import { type Slo, shorthandMs, toShorthand } from './openslo-schema.ts';
import { ANNOTATIONS, type BurnPolicy, LATENCY_TARGET, type Measure, NARROWER } from './openslo-terms.ts';

export interface ImportedObjectives {
  /** The tenants whose objectives change, as they are then, in the order given. */
  readonly tenants: readonly Tenant[];
  /** `clinic-de: availability 0.999 -> 0.9995` */
  readonly changes: readonly string[];
  /** What is accepted and works in another way here, one line each. */
  readonly warnings: readonly string[];
}

/**
 * Takes the objectives of OpenSLO v1 documents into tenants. An SLO says by the annotations `kintsugi.dev/tenant` and
 * `kintsugi.dev/objective` what it is to us, unless its metric source is of the type `Kintsugi`; its queries are not run,
 * since requests are counted by the gateways. Throws `manifest.invalid` with everything that is wrong or has no
 * counterpart here, each with its line and what to do: an objective that is only nearly meant is not taken.
 */
export function importObjectives(
  sources: readonly ManifestSource[],
  tenants: readonly Tenant[],
  burns: BurnPolicy,
): ImportedObjectives {
  const documents = readOpenslo(sources);
  const problems = [...documents.problems];
  const warnings = new Set<string>();
  const found = new Map<string, { objective: Objective; slo: Placed<Slo> }>();
  for (const slo of documents.slos) {
    const complaints = new Complaints(slo.document);
    const objective = objectiveOf(slo, documents, burns, tenants, complaints);
    problems.push(...complaints.problems);
    for (const warning of complaints.warnings) warnings.add(formatProblem(warning));
    if (objective === undefined || complaints.problems.length > 0) continue;
    const key = `${nameOf(objective)} ${objective.measure}`;
    const first = found.get(key);
    if (first) {
      const { file, line } = first.slo.document.problemAt({ path: [], message: '' });
      const message = `${nameOf(objective)} has its objective for ${objective.measure} from ${file}:${line} already; keep one`;
      problems.push(slo.document.problemAt({ path: ['metadata', 'name'], message }));
    } else found.set(key, { objective, slo });
  }
  // A policy that many SLOs refer to is wrong once.
  const distinct = [...new Map(problems.map((each) => [formatProblem(each), each])).values()];
  if (distinct.length > 0) throw manifestFault(distinct);
  return {
    ...applied(
      [...found.values()].map(({ objective }) => objective),
      tenants,
    ),
    warnings: [...warnings],
  };
}

interface Objective {
  readonly tenant: string;
  readonly routeClass: string | undefined;
  readonly measure: Measure;
  /** A share for availability, milliseconds for latency. */
  readonly value: number;
}

/** `shop`, or `exports of shop`. */
function nameOf({ tenant, routeClass }: Pick<Objective, 'tenant' | 'routeClass'>): string {
  return routeClass === undefined ? tenant : `${routeClass} of ${tenant}`;
}

function objectiveOf(
  { value: slo }: Placed<Slo>,
  documents: OpensloDocuments,
  burns: BurnPolicy,
  tenants: readonly Tenant[],
  complaints: Complaints,
): Objective | undefined {
  const { metadata, spec } = slo;
  checkWindow(spec, burns, complaints);
  for (const note of NARROWER.filter((each) => each in metadata.annotations)) {
    complaints.refuse(
      ['metadata', 'annotations', note],
      `has no counterpart: objectives are those of a tenant, or of a class of its routes (${ANNOTATIONS.routeClass})`,
    );
  }
  alertComplaints(spec.alertPolicies, documents, burns, complaints);
  const indicator = indicatorOf(slo, documents, complaints);
  if (indicator === undefined) return undefined;
  const { tenant, routeClass, measure, tenantPath, classPath } = indicator;
  const found = tenants.find(({ metadata: { name } }) => name === tenant);
  if (found === undefined) {
    const names = tenants.map(({ metadata: { name } }) => name);
    return complaints.refuse(
      tenantPath,
      `there is no tenant ${JSON.stringify(tenant.slice(0, 63))}${knownOf(tenant, names)}`,
    );
  }
  const classes = found.spec.objectives.routes.map(({ name }) => name);
  if (routeClass !== undefined && !classes.includes(routeClass)) {
    const missing = `${tenant} declares no class of routes ${JSON.stringify(routeClass.slice(0, 63))} (spec.objectives.routes)`;
    return complaints.refuse(classPath, `${missing}${knownOf(routeClass, classes)}`);
  }
  const value = measure === 'availability' ? availabilityOf(spec, complaints) : latencyOf(slo, indicator, complaints);
  return value === undefined ? undefined : { tenant, routeClass, measure, value };
}

function knownOf(name: string, names: readonly string[]): string {
  return suggestion(name, names) || (names.length > 0 ? `; known are ${names.join(', ')}` : '');
}

function checkWindow({ timeWindow, budgetingMethod }: Slo['spec'], burns: BurnPolicy, complaints: Complaints): void {
  if (budgetingMethod !== 'Occurrences') {
    complaints.refuse(['spec', 'budgetingMethod'], 'has no counterpart: requests are counted; use Occurrences');
  }
  const [window] = timeWindow ?? [];
  if (window === undefined) return;
  const period = toShorthand(burns.periodMs);
  const isSame = shorthandMs(window.duration) === burns.periodMs;
  if (!isSame || window.calendar !== undefined || window.isRolling !== true) {
    complaints.refuse(
      ['spec', 'timeWindow', 0, isSame ? 'isRolling' : 'duration'],
      `has no counterpart: every objective is over a rolling ${period}; use duration: ${period} and isRolling: true`,
    );
  }
}

/** The one objective, and its target as a share. */
function targetOf({ objectives }: Slo['spec'], complaints: Complaints): number | undefined {
  const path = ['spec', 'objectives'];
  if (objectives.length > 1) return complaints.refuse(path, 'must be one: give each further one an SLO of its own');
  const { target, targetPercent } = objectives[0]!;
  if ((target === undefined) === (targetPercent === undefined)) {
    return complaints.refuse([...path, 0], 'must have either a target or a targetPercent');
  }
  // Of what people write in per cent, the digits behind what they wrote are dust.
  return target ?? Number((targetPercent! / 100).toPrecision(12));
}

const AVAILABILITY = tenantSchema.shape.spec.shape.objectives;

function availabilityOf(spec: Slo['spec'], complaints: Complaints): number | undefined {
  const path = ['spec', 'objectives', 0];
  const target = targetOf(spec, complaints);
  if (target === undefined) return undefined;
  const { op, value, targetPercent } = spec.objectives[0]!;
  if (op !== undefined || value !== undefined) {
    return complaints.refuse([...path, 'op'], 'an availability is a share of requests: leave out op and value');
  }
  const issue = AVAILABILITY.safeParse({ availability: target }).error?.issues[0];
  if (issue === undefined) return target;
  const key = targetPercent === undefined ? 'target' : 'targetPercent';
  return complaints.refuse([...path, key], 'has no counterpart: an availability is from 0.5 to 0.99999');
}

function latencyOf({ metadata, spec }: Slo, { isOwn }: { isOwn: boolean }, complaints: Complaints) {
  const path = ['spec', 'objectives', 0];
  const target = targetOf(spec, complaints);
  if (target === undefined) return undefined;
  const { op, value, targetPercent } = spec.objectives[0]!;
  if (Math.abs(target - LATENCY_TARGET) > 1e-9) {
    const key = targetPercent === undefined ? 'target' : 'targetPercent';
    return complaints.refuse(
      [...path, key],
      `has no counterpart: the latency of a tenant is that of ${LATENCY_TARGET}`,
    );
  }
  if (op !== 'lte' && op !== 'lt') return complaints.refuse([...path, 'op'], 'must be lte or lt: faster is better');
  if (value === undefined) return complaints.refuse(path, 'must have a value: the latency that is promised');
  const unit = metadata.annotations[ANNOTATIONS.unit] ?? (isOwn ? 'ms' : undefined);
  if (unit !== 'ms' && unit !== 's') {
    const wanted = `say the unit of ${value} by the annotation ${ANNOTATIONS.unit}: ms or s`;
    return complaints.refuse(
      unit === undefined ? [...path, 'value'] : ['metadata', 'annotations', ANNOTATIONS.unit],
      wanted,
    );
  }
  const ms = unit === 's' ? Number((value * 1_000).toPrecision(12)) : value;
  if (AVAILABILITY.safeParse({ latencyMs: ms }).success) return ms;
  return complaints.refuse([...path, 'value'], 'has no counterpart: a latency is whole milliseconds, 1 at least');
}

function applied(objectives: readonly Objective[], tenants: readonly Tenant[]) {
  const changes: string[] = [];
  const changed = tenants.flatMap((tenant) => {
    const { name } = tenant.metadata;
    const { routes, ...whole } = tenant.spec.objectives;
    const before = changes.length;
    /** Takes what is said of the whole or of a class; `inherited` holds where the class says nothing itself. */
    const taken = <T extends Numbers>(into: T, routeClass: string | undefined, inherited: Numbers): T => {
      const next = { ...into };
      for (const { tenant: of, measure, value, ...rest } of objectives) {
        const key = KEYS[measure];
        const now = next[key] ?? inherited[key];
        if (of !== name || rest.routeClass !== routeClass || now === value) continue;
        changes.push(`${nameOf({ tenant: name, routeClass })}: ${key} ${now} -> ${value}`);
        next[key] = value;
      }
      return next;
    };
    const next = taken(whole, undefined, whole);
    const nextRoutes = routes.map((route) => taken(route, route.name, next));
    return changes.length === before
      ? []
      : [{ ...tenant, spec: { ...tenant.spec, objectives: { ...next, routes: nextRoutes } } }];
  });
  return { tenants: changed, changes };
}

type Numbers = { availability?: number | undefined; latencyMs?: number | undefined };

/** Where a measure stands in the objectives of a tenant. */
const KEYS = { availability: 'availability', latency: 'latencyMs' } as const;
