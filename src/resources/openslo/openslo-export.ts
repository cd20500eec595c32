import { Document } from 'yaml';
import { digestOf } from '../../base/digest.ts';
import type { Tenant } from '../tenant.ts';
import { OPENSLO_VERSION, toShorthand } from './openslo-schema.ts';
import { ANNOTATIONS, type BurnPolicy, LATENCY_TARGET, type Measure, SOURCE_TYPE } from './openslo-terms.ts';

const TARGET = 'kintsugi';

/**
 * The objectives of tenants as OpenSLO v1 documents: a Service and two SLOs for each tenant and each class of its routes, and the alert policies that
 * all of them share. Reading them with `importObjectives` gives the same objectives. OpenSLO has one window to a
 * condition; the shorter one, which ends an alert soon after the trouble, stands in the description.
 */
export function exportObjectives(tenants: readonly Tenant[], burns: BurnPolicy): string {
  const shared = tenants.length === 0 ? [] : [notificationTarget(), ...burns.alerts.map(alertPolicy)];
  const documents = [...shared, ...tenants.flatMap((tenant) => documentsOf(tenant, burns))];
  return documents
    .map((each) => new Document(each, { aliasDuplicateObjects: false }).toString({ lineWidth: 0 }))
    .join('---\n');
}

function documentsOf(tenant: Tenant, burns: BurnPolicy) {
  const { metadata, spec } = tenant;
  const { routes, availability, latencyMs } = spec.objectives;
  return [
    object('Service', metadata.name, spec.displayName, {}),
    ...slosOf(tenant, burns, { availability, latencyMs }),
    ...routes.flatMap((route) =>
      slosOf(tenant, burns, {
        routeClass: route.name,
        availability: route.availability ?? availability,
        latencyMs: route.latencyMs ?? latencyMs,
      }),
    ),
  ];
}

interface Numbers {
  /** All requests that are of none when left out. */
  readonly routeClass?: string;
  readonly availability: number;
  readonly latencyMs: number;
}

function slosOf(tenant: Tenant, burns: BurnPolicy, { routeClass, availability, latencyMs }: Numbers) {
  const { name } = tenant.metadata;
  const whose = routeClass === undefined ? name : `${name} for ${routeClass}`;
  const source = (requests: 'answered' | 'all' | 'latency-ms') => ({
    metricSource: { type: SOURCE_TYPE, spec: { tenant: name, ...(routeClass ? { routeClass } : {}), requests } },
  });
  return [
    slo(tenant, { routeClass, measure: 'availability' }, burns, {
      description: `Share of the requests of ${whose} that are answered without a 5xx`,
      indicator: { counter: true, good: source('answered'), total: source('all') },
      objective: { target: availability },
    }),
    slo(tenant, { routeClass, measure: 'latency' }, burns, {
      description: `Milliseconds until a request of ${whose} is answered`,
      indicator: source('latency-ms'),
      objective: { op: 'lte', value: latencyMs, target: LATENCY_TARGET },
    }),
  ];
}

interface Promised {
  readonly description: string;
  readonly indicator: object;
  readonly objective: object;
}

interface Subject {
  readonly routeClass: string | undefined;
  readonly measure: Measure;
}

function slo({ metadata }: Tenant, subject: Subject, burns: BurnPolicy, promised: Promised) {
  const { routeClass, measure } = subject;
  const { description, indicator, objective } = promised;
  const name = fitting(metadata.name, subject);
  return {
    ...object('SLO', name, undefined, {
      description,
      service: metadata.name,
      indicator: {
        metadata: { name },
        spec: { [measure === 'latency' ? 'thresholdMetric' : 'ratioMetric']: indicator },
      },
      timeWindow: [{ duration: toShorthand(burns.periodMs), isRolling: true }],
      budgetingMethod: 'Occurrences',
      objectives: [objective],
      alertPolicies: burns.alerts.map((each) => ({ alertPolicyRef: policyName(each.name) })),
    }),
    metadata: {
      name,
      annotations: {
        [ANNOTATIONS.tenant]: metadata.name,
        [ANNOTATIONS.objective]: measure,
        ...(routeClass === undefined ? {} : { [ANNOTATIONS.routeClass]: routeClass }),
      },
    },
  };
}

const NAME_LENGTH_MAX = 63;

/**
 * Names of OpenSLO are as long as ours: a long name makes room for what it is, and stays unique by a part of its digest. So does
 * that of a class of routes, because there may be a tenant of that name.
 */
function fitting(tenant: string, { routeClass, measure }: Subject): string {
  const room = NAME_LENGTH_MAX - measure.length - 1;
  if (routeClass === undefined && tenant.length <= room) return `${tenant}-${measure}`;
  const whole = routeClass === undefined ? tenant : `${tenant}-${routeClass}`;
  const mark = digestOf(`${tenant} ${routeClass ?? ''}`).slice('sha256:'.length, 'sha256:'.length + 8);
  return `${whole.slice(0, room - mark.length - 1)}-${mark}-${measure}`;
}

function policyName(alert: string): string {
  return `burn-${alert.replaceAll(' ', '-')}`;
}

function alertPolicy({ name, severity, factor, longMs, shortMs }: BurnPolicy['alerts'][number]) {
  const windows = `over ${toShorthand(longMs)} and over the last ${toShorthand(shortMs)}`;
  const description = `The error budget burns at more than ${factor} times its pace ${windows}`;
  const condition = {
    kind: 'AlertCondition',
    metadata: { name: policyName(name) },
    spec: {
      description,
      severity,
      condition: { kind: 'burnrate', threshold: factor, lookbackWindow: toShorthand(longMs), alertAfter: '0m' },
    },
  };
  return object('AlertPolicy', policyName(name), undefined, {
    description,
    alertWhenNoData: false,
    alertWhenResolved: true,
    alertWhenBreaching: true,
    conditions: [condition],
    notificationTargets: [{ targetRef: TARGET }],
  });
}

function notificationTarget() {
  return object('AlertNotificationTarget', TARGET, undefined, {
    description: 'An incident, which is healed or handed to a person',
    target: TARGET,
  });
}

function object(kind: string, name: string, displayName: string | undefined, spec: object) {
  const metadata = displayName === undefined ? { name } : { name, displayName };
  return { apiVersion: OPENSLO_VERSION, kind, metadata, spec };
}
