import type { Tenant } from '../resources/tenant.ts';
import type { Workload } from '../resources/workload.ts';
import { request } from 'undici';
import type { InstanceStatus } from './answers.ts';
import type { ControlFault } from './drill-control-fault.ts';
import type { Preparation } from './drill-faults.ts';
import { declaredWorkloads } from './drill-store.ts';
import { type Chosen, chooseInstance, refuse } from './drill-target.ts';
import type { Undo } from './drill-undo.ts';
import { readDeclared } from './plan-apply.ts';

const SKEW_MS = 5_000;
const ANSWER_MS = 5_000;
/** What an instance of the example writes into its log when it is told to; see its README. */
const LOGGED_CARD = '4111 1111 1111 1111';
const CANARY = 'kintsugi-drill';

interface Hurt extends Pick<ControlFault, 'about' | 'facts' | 'subjects'> {
  readonly fault: string;
  readonly parameter?: number;
  readonly scheme?: 'https';
  readonly undo?: Undo;
}

/** An instance of the example misbehaves when it is told to; `off` ends it. */
export function ordered({ world }: Preparation, { instance }: Chosen, hurt: Hurt): ControlFault {
  const { id, host, port } = instance;
  const { about, facts, subjects, fault, parameter = 0, scheme = 'http' } = hurt;
  const off: Undo = { kind: 'order', instance: id, scheme, host, port };
  const undo: Undo = hurt.undo ? { kind: 'all', undos: [off, hurt.undo] } : off;
  const inject = () => world.order({ id, host, port, scheme }, fault, parameter);
  return { target: `instance ${id}`, about, facts, subjects, words: [id, ...subjects], undo, inject };
}

/** The clock of one process goes wrong: the dates of its answers and of its log lines. */
export async function clockSkew(preparation: Preparation): Promise<ControlFault> {
  const chosen = await chooseRouted(preparation);
  const { id, region, ordinal } = chosen.instance;
  const parameter = preparation.options.parameter ?? SKEW_MS;
  return ordered(preparation, chosen, {
    fault: 'skew',
    parameter,
    about: `the clock of ${id} is ${parameter / 1_000} s ahead`,
    facts: ['clock.offset.seconds'],
    subjects: [`${chosen.workload.name}/${region}/${ordinal}`],
  });
}

/** A full card number is written into a log, and made unreadable again where it stands. */
export async function cardInLog(preparation: Preparation): Promise<ControlFault> {
  const chosen = await chooseRouted(preparation);
  const { id } = chosen.instance;
  const undo: Undo = { kind: 'mask', folder: preparation.invocation.state.logs, instance: id, text: LOGGED_CARD };
  return ordered(preparation, chosen, {
    fault: 'card-in-log',
    about: `${id} logs a card number (one for tests, nobody's)`,
    facts: ['card.logs.plaintext'],
    subjects: ['logs'],
    undo,
  });
}

/** An instance keeps answers and forgets whose they are: what one tenant asked for, the next one gets. */
export async function crossTenantLeak(preparation: Preparation): Promise<ControlFault> {
  const chosen = await chooseRouted(preparation);
  const { id, region } = chosen.instance;
  const tenants = (await declaredTenants(preparation)).filter(({ spec }) => spec.regions.includes(region));
  return ordered(preparation, chosen, {
    fault: 'mix-tenants',
    about: `${id} answers tenants with what others asked for`,
    facts: ['isolation.api.foreignRows'],
    subjects: tenants.map(({ metadata }) => metadata.name),
  });
}

/** Data of a tenant are written in a region that it does not permit. */
export async function forbiddenRegion(preparation: Preparation): Promise<ControlFault> {
  const { invocation, target } = preparation;
  const tenants = await declaredTenants(preparation);
  const tenant = target === undefined ? tenants[0] : tenants.find(({ metadata }) => metadata.name === target);
  if (!tenant)
    throw refuse(`no tenant ${target ?? ''}; there are ${tenants.map((each) => each.metadata.name).join(', ')}`);
  const { name } = tenant.metadata;
  const { workload, instance } = await chooseForeign(preparation, tenant);
  const { write, remove } = workload.spec.isolationTrial!;
  const filled = (text: string) => text.replaceAll('{id}', CANARY).replaceAll('{marker}', CANARY);
  const url = `http://${instance.host}:${instance.port}${filled(write.path)}`;
  const headers = { 'x-kintsugi-tenant': name };
  const { region } = instance;
  return {
    target: `tenant ${name}`,
    about: `a record of ${name} is written in ${region}, where its data may not be`,
    facts: ['residency.stores'],
    subjects: [name],
    words: [`tenant ${name}`],
    undo: {
      kind: 'request',
      workload: workload.metadata.name,
      region,
      method: remove.method,
      path: filled(remove.path),
      headers,
    },
    async inject() {
      const body = filled(JSON.stringify(write.body));
      const answer = await request(url, {
        method: write.method,
        headers: { ...headers, 'content-type': 'application/json' },
        body,
        signal: invocation.context.clock.deadline(ANSWER_MS),
      });
      await answer.body.dump();
      if (answer.statusCode >= 300) throw refuse(`${instance.id} does not take the record: ${answer.statusCode}`);
    },
  };
}

async function declaredTenants({ invocation }: Preparation): Promise<readonly Tenant[]> {
  return (await readDeclared(invocation)).filter((each): each is Tenant => each.kind === 'Tenant');
}

/** The instance that was named, or one of the first workload that tenants can reach. */
async function chooseRouted(preparation: Preparation): Promise<Chosen> {
  const { status, target } = preparation;
  if (target !== undefined) return chooseInstance(status, target);
  const routed = (await declaredWorkloads(preparation)).find(({ spec }) => spec.route !== undefined);
  if (!routed) throw refuse('no workload has a public path: name an instance');
  return chooseInstance(status, routed.metadata.name);
}

/** A ready instance in a region that the tenant does not permit, whose workload says how something is written. */
async function chooseForeign(
  preparation: Preparation,
  { metadata, spec }: Tenant,
): Promise<{ workload: Workload; instance: InstanceStatus }> {
  for (const workload of await declaredWorkloads(preparation)) {
    if (!workload.spec.isolationTrial) continue;
    const instances = preparation.status.workloads.find(({ name }) => name === workload.metadata.name)?.instances;
    const instance = instances?.find(({ ready, region }) => ready && !spec.regions.includes(region));
    if (instance) return { workload, instance };
  }
  throw refuse(`nothing that takes data of tenants runs in a region that ${metadata.name} does not permit`);
}
