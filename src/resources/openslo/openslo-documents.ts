import { LIMITS } from '../../base/limits.ts';
import { type Complaint, type ManifestDocument, type ManifestSource, readDocuments } from '../manifest-document.ts';
import type { ManifestProblem } from '../manifest-problem.ts';
import { complaintsOf, suggestion } from '../schema-issue.ts';
import {
  type ConditionSpec,
  OPENSLO_SCHEMAS,
  OPENSLO_VERSION,
  type OpensloKind,
  type PolicySpec,
  type SliSpec,
  type Slo,
} from './openslo-schema.ts';

/** A document, and what says where its values stand. */
export interface Placed<Value> {
  readonly value: Value;
  readonly document: ManifestDocument;
}

/** What was read, with what is referred to by name. */
export interface OpensloDocuments {
  readonly slos: readonly Placed<Slo>[];
  readonly indicators: ReadonlyMap<string, Placed<SliSpec>>;
  readonly policies: ReadonlyMap<string, Placed<PolicySpec>>;
  readonly conditions: ReadonlyMap<string, Placed<ConditionSpec>>;
  readonly problems: readonly ManifestProblem[];
}

interface Named<Spec> {
  readonly metadata: { readonly name: string };
  readonly spec: Spec;
}

/** Reads OpenSLO v1. What cannot be read is among the problems and nowhere else. */
export function readOpenslo(sources: readonly ManifestSource[]): OpensloDocuments {
  const slos: Placed<Slo>[] = [];
  const byName = { SLI: new Map(), AlertPolicy: new Map(), AlertCondition: new Map() };
  const problems: ManifestProblem[] = [];
  let count = 0;
  for (const source of sources) {
    const read = readDocuments(source);
    problems.push(...read.problems);
    for (const document of read.documents) {
      if (++count > LIMITS.manifestDocuments) {
        problems.push(document.problemAt({ path: [], message: `is beyond ${LIMITS.manifestDocuments} documents` }));
        return { slos: [], indicators: new Map(), policies: new Map(), conditions: new Map(), problems };
      }
      const outcome = validate(document.value);
      if (Array.isArray(outcome)) {
        problems.push(...outcome.map((complaint) => document.problemAt(complaint)));
        continue;
      }
      const { kind, value } = outcome;
      if (kind === 'SLO') slos.push({ value: value as Slo, document });
      else if (kind === 'SLI' || kind === 'AlertPolicy' || kind === 'AlertCondition') {
        const { metadata, spec } = value as Named<unknown>;
        byName[kind].set(metadata.name, { value: spec, document });
      }
    }
  }
  return {
    slos,
    indicators: byName.SLI,
    policies: byName.AlertPolicy,
    conditions: byName.AlertCondition,
    problems,
  };
}

function validate(value: unknown): { kind: OpensloKind; value: unknown } | Complaint[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return [{ path: [], message: 'must be a mapping with apiVersion, kind, metadata and spec' }];
  }
  const { apiVersion, kind } = value as Record<string, unknown>;
  if (apiVersion !== OPENSLO_VERSION) {
    const given = typeof apiVersion === 'string' ? `, not ${JSON.stringify(apiVersion.slice(0, 80))}` : '';
    return [{ path: ['apiVersion'], message: `must be ${OPENSLO_VERSION}${given}` }];
  }
  const kinds = Object.keys(OPENSLO_SCHEMAS);
  if (typeof kind !== 'string' || !kinds.includes(kind)) {
    const meant = typeof kind === 'string' ? suggestion(kind, kinds) : '';
    return [{ path: ['kind'], message: `must be one of ${kinds.join(', ')}${meant}` }];
  }
  const schema = OPENSLO_SCHEMAS[kind as OpensloKind];
  const parsed = schema.safeParse(value);
  if (parsed.success) return { kind: kind as OpensloKind, value: parsed.data };
  return complaintsOf(schema, value, parsed.error.issues);
}
