import type { Workload } from '../resources/workload.ts';
import { resourceKey } from '../resources/resource.ts';
import type { InstanceStatus, Status } from './answers.ts';
import type { DrillOptions, DrillSubject, Fault } from './drill-fault.ts';
import { type Chosen, chooseInstance, chooseProcess, refuse } from './drill-target.ts';
import type { DrillWorld } from './drill-world.ts';
import { flood } from './flood.ts';
import type { Invocation } from './invocation.ts';
import { type Applied, readDeclared, readOutlook } from './plan-apply.ts';

/** Everything that a fault is made from. */
export interface Preparation {
  readonly invocation: Invocation;
  readonly world: DrillWorld;
  readonly status: Status;
  readonly target: string | undefined;
  readonly options: DrillOptions;
}

interface FaultKind {
  readonly about: string;
  prepare(preparation: Preparation): Fault | Promise<Fault>;
}

const CRASHES = 3;
const CRASH_LOOK_MS = 200;
const FLOOD_TIMES = 6;
/** Enough to be felt by the others on a small machine, within the limit that the example gives the tenant. */
const FLOOD_MIN_PER_S = 500;
const FLOOD_MAX_PER_S = 600;
const FLOOD_MS = 20_000;

/** Every fault by its name. None of them needs more than the doors that any operator has. */
export const FAULTS: Readonly<Record<string, FaultKind>> = {
  kill: { about: 'kill -9 an instance', prepare: prepareKill },
  hang: { about: 'stop an instance with SIGSTOP', prepare: prepareHang },
  slow: ordered('slow', 1_500, 'each request to an instance waits (--parameter in ms)'),
  errors: ordered('errors', 0.6, 'an instance answers with 500 (--parameter is the share)'),
  leak: ordered('leak', 25, 'an instance keeps memory (--parameter in MiB/s)'),
  'crash-loop': { about: 'an instance and its successors crash (--parameter times)', prepare: prepareCrashLoop },
  'bad-release': { about: 'apply a release (-f) that is broken', prepare: prepareApply },
  'bad-configuration': { about: 'apply a configuration (-f) that is broken', prepare: prepareApply },
  'noisy-tenant': { about: 'a tenant (--key) sends 6 times as much, at least 500/s, for 20 s', prepare: prepareFlood },
  'dependency-down': { about: 'kill -9 an instance that a workload depends on', prepare: prepareDependency },
  'kill-control': killing('control'),
  'kill-gateway': killing('gateway'),
  'kill-ledger': killing('ledger'),
  'kill-postgres': killing('postgres'),
};

function slotOf({ workload, instance }: Chosen, renewed: boolean): DrillSubject {
  const { id, region, ordinal } = instance;
  return { kind: 'slot', workload: workload.name, region, ordinal, instance: id, renewed };
}

const nothingLeft = async () => false;

function prepareKill({ world, status, target }: Preparation): Fault {
  const chosen = chooseInstance(status, target ?? '');
  const { id } = chosen.instance;
  const inject = () => world.signal(id, 'SIGKILL');
  return { subject: slotOf(chosen, true), about: `kill -9 ${id}`, inject, takeBack: nothingLeft };
}

function prepareHang({ world, status, target }: Preparation): Fault {
  const chosen = chooseInstance(status, target ?? '');
  const { id } = chosen.instance;
  return {
    subject: slotOf(chosen, false),
    about: `stop ${id} with SIGSTOP`,
    inject: () => world.signal(id, 'SIGSTOP'),
    // An instance that is gone refuses the signal: there is nothing to take back.
    takeBack: () => succeeds(() => world.signal(id, 'SIGCONT')),
  };
}

/** A fault that the instance does to itself when it is told to, through the test hook of the examples. */
function ordered(fault: string, usual: number, about: string): FaultKind {
  return {
    about,
    prepare({ world, status, target, options }) {
      const chosen = chooseInstance(status, target ?? '');
      const parameter = options.parameter ?? usual;
      return {
        subject: slotOf(chosen, false),
        about: `${fault} ${parameter} on ${chosen.instance.id}`,
        inject: () => world.order(chosen.instance, fault, parameter),
        takeBack: () => succeeds(() => world.order(chosen.instance, 'off', 0)),
      };
    },
  };
}

/** The hook crashes one process; a loop is made by doing it again to each successor as soon as it is ready. */
function prepareCrashLoop(preparation: Preparation): Fault {
  const { world, status, target, options } = preparation;
  const chosen = chooseInstance(status, target ?? '');
  const times = options.parameter ?? CRASHES;
  return {
    subject: slotOf(chosen, true),
    about: `crash ${chosen.instance.id} and its successors, ${times} times in all`,
    inject: () => world.order(chosen.instance, 'crash', 0),
    sustain: (signal) => crashSuccessors(preparation, chosen, times - 1, signal),
    takeBack: nothingLeft,
  };
}

async function crashSuccessors(
  preparation: Preparation,
  first: Chosen,
  times: number,
  signal: AbortSignal,
): Promise<void> {
  const { world, invocation } = preparation;
  const crashed = new Set([first.instance.id]);
  while (crashed.size <= times && !signal.aborted) {
    await invocation.context.clock.sleep(CRASH_LOOK_MS, signal).catch(() => {});
    const successor = successorOf(await world.status(), first, crashed);
    if (successor && (await succeeds(() => world.order(successor, 'crash', 0)))) crashed.add(successor.id);
  }
}

function successorOf(
  status: Status | undefined,
  first: Chosen,
  crashed: ReadonlySet<string>,
): InstanceStatus | undefined {
  const workload = status?.workloads.find(({ name }) => name === first.workload.name);
  const { region, ordinal } = first.instance;
  const inSlot = workload?.instances.filter((each) => each.region === region && each.ordinal === ordinal) ?? [];
  return inSlot.find(({ id, ready }) => ready && !crashed.has(id));
}

async function prepareApply({ invocation, world, target, options }: Preparation): Promise<Fault> {
  if (!options.file) throw refuse('this drill needs -f FILE with the broken workload');
  const outlook = await readOutlook(invocation, options.file);
  const workloads = outlook.documents.map(({ resource }) => resource).filter(({ kind }) => kind === 'Workload');
  const [workload] = workloads.filter(({ metadata }) => metadata.name === (target ?? workloads[0]?.metadata.name));
  if (!workload || outlook.documents.length > 1)
    throw refuse(`the file must hold the workload ${target ?? ''} and nothing else`);
  const change = outlook.changes.find(({ key }) => key === resourceKey(workload))?.change;
  if (change !== 'changed')
    throw refuse(`${resourceKey(workload)} is ${change ?? 'not there'}: the file breaks nothing`);
  const { name } = workload.metadata;
  const by = invocation.actor(options.by);
  const apply = (documents: unknown) =>
    invocation.ask<{ applied: readonly Applied[] }>('POST', '/v1/apply', { documents, by });
  let version: number | undefined;
  return {
    subject: { kind: 'version', workload: name },
    about: `apply ${options.file.join(', ')} to ${name}`,
    async inject() {
      const { applied } = await apply(outlook.documents);
      version = applied[0]?.version;
    },
    async takeBack() {
      const now = (await world.status())?.workloads.find((each) => each.name === name);
      if (now?.targetVersion !== version) return false;
      const baseFolder = outlook.documents[0]?.baseFolder;
      return await succeeds(() => apply(outlook.current.map((resource) => ({ resource, baseFolder }))));
    },
  };
}

async function prepareFlood({ invocation, status, target, options }: Preparation): Promise<Fault> {
  const tenant = status.tenants.find(({ name }) => name === target);
  if (!tenant)
    throw refuse(
      `no tenant ${target ?? '(none given)'}; there are ${status.tenants.map(({ name }) => name).join(', ')}`,
    );
  const { key } = options;
  const { gateway } = status.addresses;
  if (key === undefined) throw refuse('this drill needs --key with an API key of the tenant');
  if (!gateway) throw refuse('the address of the gateway is not known');
  const path = options.path ?? (await publicPath(invocation));
  const wished = FLOOD_TIMES * tenant.requestsPerSecond;
  const perSecond = Math.round(Math.min(FLOOD_MAX_PER_S, Math.max(FLOOD_MIN_PER_S, wished)));
  const url = new URL(path, gateway.includes('://') ? gateway : `http://${gateway}`).href;
  const { clock } = invocation.context;
  return {
    subject: { kind: 'tenant', tenant: tenant.name },
    about: `${tenant.name} sends ${perSecond} more requests a second for ${FLOOD_MS / 1_000} s`,
    inject: async () => {},
    sustain: (signal) => flood({ url, key, perSecond, forMs: FLOOD_MS, clock }, signal),
    takeBack: nothingLeft,
  };
}

/** Where tenants' requests go to: the public path of the first workload that has one. */
async function publicPath(invocation: Invocation): Promise<string> {
  const workloads = (await readDeclared(invocation)).filter((each): each is Workload => each.kind === 'Workload');
  const path = workloads.map(({ spec }) => spec.route?.pathPrefix).find((each) => each !== undefined);
  if (path === undefined) throw refuse('no workload has a public path');
  return path;
}

async function prepareDependency(preparation: Preparation): Promise<Fault> {
  const { invocation, target, options } = preparation;
  const workloads = (await readDeclared(invocation)).filter((each): each is Workload => each.kind === 'Workload');
  const workload = workloads.find(({ metadata }) => metadata.name === target);
  if (!workload) throw refuse(`no workload ${target ?? '(none given)'}`);
  const { dependsOn } = workload.spec;
  const dependency = options.dependency ?? dependsOn[0];
  if (dependency === undefined || !dependsOn.includes(dependency)) {
    throw refuse(`${target} depends on ${dependsOn.join(', ') || 'nothing'}`);
  }
  return prepareKill({ ...preparation, target: dependency });
}

function killing(sort: string): FaultKind {
  return {
    about: `kill -9 the process ${sort} of Kintsugi itself`,
    prepare({ world, status, target }) {
      const { id, pid } = chooseProcess(status, sort, target);
      const inject = () => world.signal(id, 'SIGKILL');
      return { subject: { kind: 'process', id, pid }, about: `kill -9 ${id}`, inject, takeBack: nothingLeft };
    },
  };
}

async function succeeds(call: () => Promise<unknown>): Promise<boolean> {
  try {
    await call();
    return true;
  } catch {
    return false;
  }
}
