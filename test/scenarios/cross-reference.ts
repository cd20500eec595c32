/** What a schema cannot see: that every name in a scenario is the name of something, and that questions have an answer. */
import type { Complaint } from '../../src/resources/manifest-document.ts';
import { MOVES } from '../../src/resources/playbook.ts';
import { suggestion } from '../../src/resources/schema-issue.ts';
import { GUARD_NAMES } from './guard-names.ts';
import type { Scenario } from './scenario.ts';
import type { When } from './schema/when.ts';

type Path = readonly PropertyKey[];

/** Everything that a scenario may refer to, by sort. */
interface Names {
  readonly regions: readonly string[];
  readonly hosts: readonly string[];
  readonly workloads: readonly string[];
  readonly routed: readonly string[];
  readonly tenants: readonly string[];
  readonly settings: readonly string[];
  readonly assets: readonly string[];
  readonly actors: readonly string[];
  readonly profiles: readonly string[];
  readonly slots: readonly string[];
}

/** All references of a scenario that lead nowhere, and all that contradicts itself. */
export function crossReferences(scenario: Scenario): readonly Complaint[] {
  const names = namesOf(scenario);
  return [
    ...workloads(scenario, names),
    ...tenants(scenario, names),
    ...settings(scenario, names),
    ...assets(scenario, names),
    ...actors(scenario, names),
    ...effects(scenario, names),
    ...events(scenario, names),
    ...expectations(scenario, names),
    ...people(scenario, names),
  ];
}

function namesOf({ fleet, events, profiles }: Scenario): Names {
  const appearing = events.flatMap(({ appears }) => (appears ? [appears.asset] : []));
  return {
    regions: Object.keys(fleet.regions),
    hosts: Object.entries(fleet.regions).flatMap(([region, { hosts }]) => numbered(`${region}-`, hosts, 1)),
    workloads: Object.keys(fleet.workloads),
    routed: Object.entries(fleet.workloads).flatMap(([name, { route }]) => (route === undefined ? [] : [name])),
    tenants: Object.keys(fleet.tenants),
    settings: Object.keys(fleet.settings),
    assets: [...Object.keys(fleet.assets), ...appearing],
    actors: Object.keys(fleet.actors),
    profiles: Object.keys(profiles),
    slots: Object.entries(fleet.workloads).flatMap(([name, { instances }]) =>
      Object.entries(instances).flatMap(([region, count]) => numbered(`${name}/${region}/`, count, 0)),
    ),
  };
}

function numbered(prefix: string, count: number, from: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index + from}`);
}

const SORTS: Readonly<Record<keyof Names, string>> = {
  regions: 'region of fleet.regions',
  hosts: 'host; those of a region are counted from 1',
  workloads: 'workload of fleet.workloads',
  routed: 'workload with a route',
  tenants: 'tenant of fleet.tenants',
  settings: 'setting of fleet.settings',
  assets: 'asset of fleet.assets',
  actors: 'actor of fleet.actors',
  profiles: 'profile of profiles',
  slots: 'slot, WORKLOAD/REGION/NUMBER with numbers from 0',
};

/** Complaints about the words at `path` that are not among the names of the sort. */
function unknown(names: Names, sort: keyof Names, path: Path, word: string | null | undefined): Complaint[] {
  return word == null ? [] : notIn(names[sort], `no ${SORTS[sort]}`, path, word);
}

function notIn(known: readonly string[], what: string, path: Path, word: string): Complaint[] {
  if (known.includes(word)) return [];
  const meant =
    suggestion(word, known) || (known.length > 0 && known.length < 12 ? `; known: ${known.join(', ')}` : '');
  return [{ path, message: `${JSON.stringify(word)} is ${what}${meant}` }];
}

function each(names: Names, sort: keyof Names, path: Path, words: readonly string[]): Complaint[] {
  return words.flatMap((word, index) => unknown(names, sort, [...path, index], word));
}

function keysOf(names: Names, sort: keyof Names, path: Path, record: object): Complaint[] {
  return Object.keys(record).flatMap((key) =>
    unknown(names, sort, [...path, key], key).map((complaint) => ({ ...complaint, atKey: true })),
  );
}

function workloads({ fleet }: Scenario, names: Names): Complaint[] {
  return Object.entries(fleet.workloads).flatMap(([name, workload]) => {
    const path = ['fleet', 'workloads', name];
    const versions = workload.versions.map(({ version }) => String(version));
    return [
      ...keysOf(names, 'regions', [...path, 'instances'], workload.instances),
      ...each(names, 'workloads', [...path, 'dependsOn'], workload.dependsOn),
      ...each(names, 'workloads', [...path, 'optional'], workload.optional),
      ...workload.undeclared.flatMap((callee, index) =>
        notIn([...workload.dependsOn, ...workload.optional], 'no call of it', [...path, 'undeclared', index], callee),
      ),
      ...(workload.runs === undefined
        ? []
        : notIn(versions, 'no version of it', [...path, 'runs'], String(workload.runs))),
      ...(calls(fleet.workloads, name).includes(name) ? [{ path, message: 'depends on itself in the end' }] : []),
    ];
  });
}

function calls(
  all: Scenario['fleet']['workloads'],
  name: string,
  seen: ReadonlySet<string> = new Set(),
): readonly string[] {
  const { dependsOn = [], optional = [] } = all[name] ?? {};
  const next = [...dependsOn, ...optional].filter((callee) => !seen.has(callee));
  return [...next, ...next.flatMap((callee) => calls(all, callee, new Set([...seen, ...next])))];
}

function tenants({ fleet }: Scenario, names: Names): Complaint[] {
  return Object.entries(fleet.tenants).flatMap(([name, tenant]) => {
    const path = ['fleet', 'tenants', name];
    return [
      ...each(names, 'regions', [...path, 'regions'], tenant.regions),
      ...each(names, 'profiles', [...path, 'profiles'], tenant.profiles),
      ...each(names, 'routed', [...path, 'uses'], tenant.uses),
      ...unknown(names, 'settings', [...path, 'routedBy'], tenant.routedBy),
    ];
  });
}

function settings({ fleet }: Scenario, names: Names): Complaint[] {
  return Object.entries(fleet.settings).flatMap(([id, setting]) => [
    ...each(names, 'workloads', ['fleet', 'settings', id, 'workloads'], setting.workloads),
    ...unknown(names, 'tenants', ['fleet', 'settings', id, 'tenant'], setting.tenant),
  ]);
}

type Asset = Scenario['fleet']['assets'][string];

function assets({ fleet }: Scenario, names: Names): Complaint[] {
  return Object.entries(fleet.assets).flatMap(([id, asset]) => ofAsset(id, asset, ['fleet', 'assets', id], names));
}

function ofAsset(id: string, asset: Asset, path: Path, names: Names): Complaint[] {
  const waiting = asset.kind === 'session' ? asset.holds : undefined;
  return [
    ...(id.startsWith(`${asset.kind} `)
      ? []
      : [{ path, message: `an asset is named by kind and name; call it \`${asset.kind} ${id}\``, atKey: true }]),
    ...each(names, 'workloads', [...path, 'workloads'], asset.workloads),
    ...each(names, 'tenants', [...path, 'tenants'], asset.tenants),
    ...unknown(names, 'regions', [...path, 'region'], asset.region),
    ...unknown(names, 'hosts', [...path, 'host'], asset.host),
    ...unknown(names, 'assets', [...path, 'partOf'], asset.partOf),
    ...each(names, 'settings', [...path, 'settings'], asset.settings),
    ...(waiting === undefined
      ? []
      : notIn([...names.workloads, ...names.assets], 'no workload and no asset', [...path, 'holds'], waiting)),
  ];
}

function actors({ fleet }: Scenario, names: Names): Complaint[] {
  return Object.entries(fleet.actors).flatMap(([name, actor]) => {
    const path = ['fleet', 'actors', name];
    return [
      ...keysOf(names, 'assets', [...path, 'uses'], actor.uses),
      ...keysOf(names, 'assets', [...path, 'usually'], actor.usually),
      ...keysOf(names, 'workloads', [...path, 'calls'], actor.calls),
      ...actor.writes.flatMap(({ setting, when }, i) => [
        ...unknown(names, 'settings', [...path, 'writes', i, 'setting'], setting),
        ...(when ? questions(when, [...path, 'writes', i, 'when'], names) : []),
      ]),
      ...actor.resumes.flatMap((it, i) => unknown(names, 'actors', [...path, 'resumes', i, 'actor'], it.actor)),
    ];
  });
}

const QUESTIONS = ['all', 'any', 'not', 'setting', 'asset', 'actor', 'load', 'down'] as const;
const ANSWERS = ['is', 'isNot', 'above', 'below'] as const;

function questions(when: When, path: Path, names: Names): Complaint[] {
  const asked = QUESTIONS.filter((question) => when[question] !== undefined);
  if (asked.length !== 1) return [{ path, message: `asks ${asked.length} questions; one of ${QUESTIONS.join(', ')}` }];
  const answered = ANSWERS.filter((answer) => when[answer] !== undefined);
  const [question] = asked;
  const needsAnswer = question === 'setting' || question === 'asset' || question === 'actor' || question === 'load';
  if (needsAnswer && answered.length !== 1) {
    return [{ path, message: `needs one of ${ANSWERS.join(', ')} beside ${question}` }];
  }
  return [
    ...unknown(names, 'settings', [...path, 'setting'], when.setting),
    ...unknown(names, 'assets', [...path, 'asset'], when.asset),
    ...unknown(names, 'actors', [...path, 'actor'], when.actor),
    ...unknown(names, 'workloads', [...path, 'load'], when.load),
    ...unknown(names, 'workloads', [...path, 'down'], when.down),
    ...(when.all ?? []).flatMap((inner, i) => questions(inner, [...path, 'all', i], names)),
    ...(when.any ?? []).flatMap((inner, i) => questions(inner, [...path, 'any', i], names)),
    ...(when.not ? questions(when.not, [...path, 'not'], names) : []),
  ];
}

const SHOWS = [
  'errors',
  'latency',
  'capacityTimes',
  'crash',
  'hang',
  'notReady',
  'noStart',
  'leak',
  'leaks',
  'condition',
] as const;

function effects({ effects, fleet }: Scenario, names: Names): Complaint[] {
  return effects.flatMap((effect, index) => {
    const path = ['effects', index];
    const callees = [...names.workloads, ...names.assets];
    const versions = fleet.workloads[effect.workload ?? '']?.versions.map(({ version }) => String(version));
    return [
      ...(SHOWS.some((show) => effect[show] !== undefined)
        ? []
        : [{ path, message: `has no consequence; give one of ${SHOWS.join(', ')}` }]),
      ...((effect.asset === undefined) === (effect.condition === undefined)
        ? []
        : [{ path, message: '`asset` and `condition` go together' }]),
      ...(effect.when ? questions(effect.when, [...path, 'when'], names) : []),
      ...unknown(names, 'workloads', [...path, 'workload'], effect.workload),
      ...(effect.calls === undefined
        ? []
        : notIn(callees, 'no workload and no asset', [...path, 'calls'], effect.calls)),
      ...(effect.version === undefined
        ? []
        : notIn(versions ?? [], 'no version of that workload', [...path, 'version'], String(effect.version))),
      ...each(names, 'slots', [...path, 'instances'], effect.instances ?? []),
      ...unknown(names, 'hosts', [...path, 'host'], effect.host),
      ...unknown(names, 'regions', [...path, 'region'], effect.region),
      ...unknown(names, 'tenants', [...path, 'tenant'], effect.tenant),
      ...unknown(names, 'assets', [...path, 'asset'], effect.asset),
    ];
  });
}

function events(scenario: Scenario, names: Names): Complaint[] {
  return scenario.events.flatMap((event, index) => {
    const path = ['events', index];
    const said = Object.keys(event).filter((key) => key !== 'at');
    return [
      ...(said.length === 1
        ? []
        : [{ path, message: `says ${said.length} things; an event says one: split it or fill it in` }]),
      ...(event.at <= scenario.runs ? [] : [{ path: [...path, 'at'], message: 'is after the end; raise `runs`' }]),
      ...changes(scenario, event, path, names),
      ...breakages(event, path, names),
    ];
  });
}

type Event = Scenario['events'][number];

function changes({ fleet }: Scenario, event: Event, path: Path, names: Names): Complaint[] {
  const { set, deploy, restart, credential, record, actor, appears, person } = event;
  const versions = fleet.workloads[deploy?.workload ?? '']?.versions.map(({ version }) => String(version)) ?? [];
  const [sort, of] = /^(workload|tenant) (.+)$/.exec(person?.scope ?? '')?.slice(1) ?? [];
  return [
    ...unknown(names, 'settings', [...path, 'set', 'setting'], set?.setting),
    ...unknown(names, 'workloads', [...path, 'deploy', 'workload'], deploy?.workload),
    ...(deploy
      ? notIn(versions, 'no version of that workload', [...path, 'deploy', 'version'], `${deploy.version}`)
      : []),
    ...unknown(names, 'workloads', [...path, 'restart', 'workload'], restart?.workload),
    ...unknown(names, 'assets', [...path, 'credential', 'asset'], credential?.asset),
    ...unknown(names, 'assets', [...path, 'record', 'queue'], record?.queue),
    ...unknown(names, 'actors', [...path, 'actor', 'actor'], actor?.actor),
    ...(appears ? ofAsset(appears.asset, appears, [...path, 'appears'], names) : []),
    ...(sort === undefined
      ? []
      : unknown(names, sort === 'tenant' ? 'tenants' : 'workloads', [...path, 'person', 'scope'], of)),
  ];
}

function breakages({ fault, asset, ends, load, poison, clock }: Event, path: Path, names: Names): Complaint[] {
  const targets = [fault?.instance, fault?.workload, fault?.host, fault?.region].filter((it) => it !== undefined);
  return [
    ...(fault && targets.length !== 1
      ? [{ path: [...path, 'fault'], message: 'needs one of instance, workload, host, region' }]
      : []),
    ...unknown(names, 'slots', [...path, 'fault', 'instance'], fault?.instance),
    ...unknown(names, 'workloads', [...path, 'fault', 'workload'], fault?.workload),
    ...unknown(names, 'hosts', [...path, 'fault', 'host'], fault?.host),
    ...unknown(names, 'regions', [...path, 'fault', 'region'], fault?.region),
    ...unknown(names, 'assets', [...path, 'asset', 'asset'], asset?.asset),
    ...unknown(names, 'assets', [...path, 'ends', 'asset'], ends?.asset),
    ...unknown(names, 'tenants', [...path, 'load', 'tenant'], load?.tenant),
    ...unknown(names, 'workloads', [...path, 'load', 'workload'], load?.workload),
    ...unknown(names, 'tenants', [...path, 'poison', 'tenant'], poison?.tenant),
    ...unknown(names, 'workloads', [...path, 'poison', 'workload'], poison?.workload),
    ...unknown(names, 'hosts', [...path, 'clock', 'host'], clock?.host),
  ];
}

function expectations({ expect, events, withoutGuards }: Scenario, names: Names): Complaint[] {
  const { healed, harm } = expect;
  const someNames = [
    names.workloads,
    names.tenants,
    names.settings,
    names.assets,
    names.actors,
    names.slots,
    names.hosts,
  ];
  const part = (path: Path, word: string | undefined) =>
    word === undefined || someNames.flat().some((name) => name.includes(word) || word.includes(name))
      ? []
      : [{ path, message: `${JSON.stringify(word)} is no part of any name${suggestion(word, someNames.flat())}` }];
  const parts = (path: Path, deeds: readonly { subject?: string | undefined }[]) =>
    deeds.flatMap((deed, i) => part([...path, i, 'subject'], deed.subject));
  return [
    ...(expect.nothing && (expect.repairs.length > 0 || expect.cause.length > 0)
      ? [{ path: ['expect', 'nothing'], message: 'where nothing may be done there is no repair and no cause' }]
      : []),
    ...(!expect.nothing && expect.from === undefined && events.length === 0
      ? [{ path: ['expect'], message: 'needs `from`: without an event nobody knows when the trouble begins' }]
      : []),
    ...parts(['expect', 'cause'], expect.cause),
    ...expect.causes.flatMap((list, i) => parts(['expect', 'causes', i], list)),
    ...expect.repairs.flatMap((deeds, i) => parts(['expect', 'repairs', i], deeds)),
    ...parts(['expect', 'forbidden'], expect.forbidden),
    ...each(names, 'tenants', ['expect', 'healed', 'hurt'], healed.hurt),
    ...each(names, 'tenants', ['expect', 'harm', 'tenants'], harm.tenants ?? []),
    ...healed.conditions.flatMap((it, i) =>
      unknown(names, 'assets', ['expect', 'healed', 'conditions', i, 'asset'], it.asset),
    ),
    ...healed.settings.flatMap((it, i) =>
      unknown(names, 'settings', ['expect', 'healed', 'settings', i, 'setting'], it.setting),
    ),
    ...expect.guard.flatMap((guard, i) => notIn(GUARD_NAMES, 'no guard', ['expect', 'guard', i], guard)),
    ...withoutGuards.flatMap((guard, i) => notIn(GUARD_NAMES, 'no guard', ['withoutGuards', i], guard)),
  ];
}

function people({ policy, profiles }: Scenario, names: Names): Complaint[] {
  return [
    ...policy.freezes.flatMap((freeze, i) => [
      ...each(names, 'workloads', ['policy', 'freezes', i, 'workloads'], freeze.workloads),
      ...freeze.allow.flatMap((move, m) => notIn(MOVES, 'no move', ['policy', 'freezes', i, 'allow', m], move)),
    ]),
    ...Object.entries(profiles).flatMap(([profile, { needsApproval }]) =>
      needsApproval.flatMap((move, m) => notIn(MOVES, 'no move', ['profiles', profile, 'needsApproval', m], move)),
    ),
  ];
}
