import { isDeepStrictEqual } from 'node:util';
import type { Resource } from './resource.ts';
import type { Tenant } from './tenant.ts';
import type { Workload } from './workload.ts';

type Store = Workload['spec']['stores'][number];

const TRIALS = ['isolationTrial', 'erasureTrial', 'restrictionTrial', 'cardTrial', 'sessionTrial'] as const;

/**
 * What a change of a resource takes away from protections, or allows beyond what was allowed, in words for whoever applies
 * it and for the record. None of it is forbidden: people decide what they declare, and it is not to happen unseen. Nothing is
 * said of a resource that is new, and of changes by which it cannot be told (a limit, a number of a threshold).
 */
export function loosenings(before: Resource | undefined, after: Resource): readonly string[] {
  if (before?.kind === 'Tenant' && after.kind === 'Tenant') return ofTenant(before.spec, after.spec);
  if (before?.kind === 'Workload' && after.kind === 'Workload') return ofWorkload(before.spec, after.spec);
  if (before?.kind === 'Policy' && after.kind === 'Policy') {
    return without(before.spec.ledgerCopies, after.spec.ledgerCopies, 'the record is no longer compared with its copy');
  }
  return [];
}

function ofTenant(before: Tenant['spec'], after: Tenant['spec']): readonly string[] {
  return [
    ...without(before.profiles, after.profiles, 'it no longer lives under'),
    ...without(after.regions, before.regions, 'it may be in one more region:'),
    ...without(after.processors, before.processors, 'one more processor may hold its data:'),
    ...without(before.contract, after.contract, 'this was agreed on and no longer counts:'),
    ...(before.audit === 'required' && after.audit !== 'required'
      ? ['its requests are served also when they cannot be recorded']
      : []),
    ...(before.requireKey && !after.requireKey ? ['its requests are let in without a key'] : []),
  ];
}

function ofWorkload(before: Workload['spec'], after: Workload['spec']): readonly string[] {
  const stores = before.stores.flatMap((store) => {
    const now = after.stores.find(({ name }) => name === store.name);
    return now ? ofStore(store, now) : [`nothing is measured any more of the store ${store.name}`];
  });
  return [
    ...stores,
    ...without(after.approvedPorts, before.approvedPorts, 'it may listen on one more port:'),
    ...TRIALS.flatMap((trial) => (before[trial] && !after[trial] ? [`its ${trial} is made no more`] : [])),
    ...(before.backs && !after.backs ? [`it no longer backs ${before.backs.server} up`] : []),
  ];
}

function ofStore(before: Store, after: Store): readonly string[] {
  const of = `of the store ${before.name}`;
  const isNarrower = after.tables.length > 0 && (before.tables.length === 0 || !covers(after.tables, before.tables));
  return [
    ...without(before.protections, after.protections, `no longer a protection ${of}:`),
    ...(isNarrower ? [`fewer tables ${of} are protected`] : []),
    ...without(before.encrypted, after.encrypted, `no longer to be encrypted ${of}:`),
    ...without(before.retention, after.retention, `no longer deleted in time ${of}:`),
    ...without(after.operators, before.operators, `one more may reach the rows ${of}:`),
    ...without(after.privileges, before.privileges, `one more privilege ${of}:`),
  ];
}

function covers(all: readonly string[], some: readonly string[]): boolean {
  return some.every((each) => all.includes(each));
}

/** What is in one list and not in the other, each as a sentence. */
function without(some: readonly unknown[], others: readonly unknown[], words: string): readonly string[] {
  const missing = some.filter((each) => !others.some((other) => isDeepStrictEqual(each, other)));
  return missing.map((each) => `${words} ${nameOf(each)}`);
}

function nameOf(item: unknown): string {
  return typeof item === 'object' && item !== null ? Object.values(item).map(String).join(' ') : String(item);
}
