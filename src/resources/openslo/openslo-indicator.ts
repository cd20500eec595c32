import type { FieldPath } from '../field-path.ts';
import type { Complaints } from './complaints.ts';
import type { OpensloDocuments } from './openslo-documents.ts';
import type { Metric, SliSpec, Slo } from './openslo-schema.ts';
import { ANNOTATIONS, MEASURES, type Measure, SOURCE_TYPE } from './openslo-terms.ts';

/** What an SLO measures, of whom. */
export interface Indicator {
  readonly tenant: string;
  /** Undefined for all requests that are of none. */
  readonly routeClass: string | undefined;
  readonly measure: Measure;
  /** Where the tenant is named, and where the class of routes would be. */
  readonly tenantPath: FieldPath;
  readonly classPath: FieldPath;
  /** Its numbers are our own: milliseconds are milliseconds. */
  readonly isOwn: boolean;
}

/** Undefined when it cannot be told, which `complaints` then say. */
export function indicatorOf(slo: Slo, documents: OpensloDocuments, complaints: Complaints): Indicator | undefined {
  const { metadata, spec } = slo;
  if ((spec.indicator === undefined) === (spec.indicatorRef === undefined)) {
    return complaints.refuse(['spec'], 'must have either an indicator or an indicatorRef');
  }
  const referred = spec.indicatorRef === undefined ? undefined : documents.indicators.get(spec.indicatorRef);
  const sli = spec.indicator?.spec ?? referred?.value;
  if (sli === undefined) {
    return complaints.refuse(['spec', 'indicatorRef'], 'names an SLI that is in none of the files; give its file too');
  }
  const path = spec.indicator === undefined ? ['spec', 'indicatorRef'] : ['spec', 'indicator', 'spec'];
  const form = formOf(sli);
  if (form === undefined) {
    return complaints.refuse(
      path,
      'must have either a ratioMetric, complete with good or bad and total, or raw, or a thresholdMetric',
    );
  }
  const own = form.metrics.find(({ metricSource }) => metricSource.type === SOURCE_TYPE)?.metricSource.spec;
  const tenant = saidOf('tenant', slo, own, path);
  if (tenant.name === undefined) {
    return complaints.refuse(['metadata'], `does not say whose it is; add the annotation ${ANNOTATIONS.tenant}: NAME`);
  }
  const measure = metadata.annotations[ANNOTATIONS.objective] ?? (own === undefined ? undefined : form.measure);
  const notes = ['metadata', 'annotations', ANNOTATIONS.objective];
  if (!MEASURES.includes(measure as Measure)) {
    const wanted = `${ANNOTATIONS.objective}: ${MEASURES.join(' or ')}`;
    const message =
      measure === undefined
        ? `does not say what it measures; add the annotation ${wanted}`
        : `must be ${MEASURES.join(' or ')}`;
    return complaints.refuse(measure === undefined ? ['metadata'] : notes, message);
  }
  if (measure !== form.measure) {
    const wanted = measure === 'latency' ? 'a thresholdMetric with op: lte' : 'a ratioMetric of requests';
    return complaints.refuse(path, `has no counterpart: ${measure} is told by ${wanted}`);
  }
  const routeClass = saidOf('routeClass', slo, own, path);
  const names = {
    tenant: tenant.name,
    tenantPath: tenant.path,
    routeClass: routeClass.name,
    classPath: routeClass.path,
  };
  return { ...names, measure: form.measure, isOwn: own !== undefined };
}

/** What the annotation says, or else the source that is our own, and where it stands. */
function saidOf(
  of: 'tenant' | 'routeClass',
  { metadata }: Slo,
  own: Metric['metricSource']['spec'] | undefined,
  path: FieldPath,
): { readonly name: string | undefined; readonly path: FieldPath } {
  const noted = metadata.annotations[ANNOTATIONS[of]];
  if (noted !== undefined) return { name: noted, path: ['metadata', 'annotations', ANNOTATIONS[of]] };
  const said = own?.[of];
  return { name: typeof said === 'string' ? said : undefined, path };
}

/** Ratios are of availability and thresholds of latency; undefined when it is neither or both. */
function formOf({
  ratioMetric,
  thresholdMetric,
}: SliSpec): { measure: Measure; metrics: readonly Metric[] } | undefined {
  if (ratioMetric === undefined) return thresholdMetric && { measure: 'latency', metrics: [thresholdMetric] };
  const { good, bad, total, raw, rawType } = ratioMetric;
  if (thresholdMetric !== undefined) return undefined;
  const counted = (good === undefined) !== (bad === undefined) && total !== undefined;
  const given = raw !== undefined && rawType !== undefined;
  const isEither = counted !== given && !(given && (good ?? bad ?? total) !== undefined);
  if (!isEither) return undefined;
  return { measure: 'availability', metrics: [good, bad, total, raw].filter((each) => each !== undefined) };
}
