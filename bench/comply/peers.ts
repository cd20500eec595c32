import { createRequire } from 'node:module';
import jsonLogic, { type RulesLogic } from 'json-logic-js';
import type { Question } from './population.ts';

type Cedar = typeof import('@cedar-policy/cedar-wasm/nodejs');
const cedar = createRequire(import.meta.url)('@cedar-policy/cedar-wasm/nodejs') as Cedar;

/** A place and what is permitted: what the gate is asked, as far as every contestant can be asked it. */
export interface PlaceQuestion {
  readonly region: string;
  readonly processor: string;
  readonly regions: readonly string[];
  readonly processors: readonly string[];
}

/** Somebody else who answers the same questions; true is satisfied, or permitted. */
export interface Peer {
  readonly name: string;
  judge(question: Question): boolean;
  permits(question: PlaceQuestion): boolean;
}

const FRESH_AND_BELOW: RulesLogic = {
  and: [
    { '>': [{ '+': [{ var: 'measuredAt' }, { var: 'freshMs' }] }, { var: 'now' }] },
    { '<=': [{ var: 'value' }, { var: 'limit' }] },
  ],
};
const AMONG: RulesLogic = {
  and: [{ in: [{ var: 'region' }, { var: 'regions' }] }, { in: [{ var: 'processor' }, { var: 'processors' }] }],
};

export const jsonLogicPeer: Peer = {
  name: 'json-logic-js 2.0.5',
  judge: (question) => jsonLogic.apply(FRESH_AND_BELOW, question) === true,
  permits: (question) => jsonLogic.apply(AMONG, question) === true,
};

const POLICIES = `
permit(principal, action == Action::"judge", resource)
when { context.measuredAt + context.freshMs > context.now && context.value <= context.limit };
permit(principal, action == Action::"move", resource)
when { context.regions.contains(context.region) && context.processors.contains(context.processor) };`;

/** Policies are parsed once; entities and context cross into WebAssembly with each question. */
export function cedarPeer(): Peer {
  const parsed = cedar.preparsePolicySet('bench', { staticPolicies: POLICIES });
  if (parsed.type === 'failure') throw new Error(parsed.errors.map(({ message }) => message).join('; '));
  const decide = (action: string, context: Record<string, number | string | string[]>) => {
    const answer = cedar.statefulIsAuthorized({
      principal: { type: 'Tenant', id: 't' },
      action: { type: 'Action', id: action },
      resource: { type: 'Control', id: 'c' },
      context,
      preparsedPolicySetId: 'bench',
      entities: [],
    });
    if (answer.type === 'failure') throw new Error(answer.errors.map(({ message }) => message).join('; '));
    return answer.response.decision === 'allow';
  };
  return {
    name: 'Cedar 4.13.0 (WebAssembly)',
    judge: (question) => decide('judge', { ...question }),
    permits: ({ region, processor, regions, processors }) =>
      decide('move', { region, processor, regions: [...regions], processors: [...processors] }),
  };
}
