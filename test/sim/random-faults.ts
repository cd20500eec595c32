import type { Part, RandomFleet } from './random-fleet.ts';
import type { Noise } from './world/noise.ts';

type Words = Record<string, unknown>;

/** What happens, and what ends it if nobody does: a person who gets round to it. */
interface Mishap {
  readonly kind: string;
  readonly begins: readonly Words[];
  readonly ends: readonly Words[];
}

/** What a mishap is drawn from. */
interface Draw {
  readonly noise: Noise;
  readonly fleet: RandomFleet;
  readonly part: Part;
  readonly routed: Part;
  readonly slot: string;
  readonly host: string;
  readonly tenant: string;
  /** How long what ends by itself lasts. */
  readonly for: string;
}

/** A person finds what nobody healed after this time. */
const PERSON_MS = 2_400_000;
const LASTS = ['2m', '5m', '15m'] as const;

const MISHAPS: Readonly<Record<string, (draw: Draw) => Omit<Mishap, 'kind'>>> = {
  kill: ({ slot }) => broken({ kind: 'kill', instance: slot }),
  stop: ({ slot, for: until }) => broken({ kind: 'stop', instance: slot, for: until }),
  slow: ({ slot, for: until }) => broken({ kind: 'slow', instance: slot, latency: '1500ms', for: until }),
  errors: ({ slot, for: until }) => broken({ kind: 'errors', instance: slot, share: 0.6, for: until }),
  leak: ({ slot, for: until }) => broken({ kind: 'leak', instance: slot, perSecond: 8, for: until }),
  block: ({ slot, for: until }) => broken({ kind: 'block', instance: slot, for: until }),
  burn: ({ slot, for: until }) => broken({ kind: 'burn', instance: slot, share: 0.9, for: until }),
  'crash-loop': ({ slot, for: until }) => broken({ kind: 'crash-loop', instance: slot, for: until }),
  partition: ({ slot, for: until }) => broken({ kind: 'partition', instance: slot, for: until }),
  delay: ({ host, for: until }) => broken({ kind: 'delay', host, latency: '700ms', for: until }),
  loss: ({ host, for: until }) => broken({ kind: 'loss', host, share: 0.3, for: until }),
  'host-down': ({ host, for: until }) => broken({ kind: 'host-down', host, for: until }),
  'many-killed': ({ part }) => broken({ kind: 'kill', workload: part.name, share: 0.5 }),
  flag: ({ part }) => changed(`${part.name}/flag`, 'on', 'off'),
  backend: ({ part }) => changed(`${part.name}/backend`, 'wrong', 'right'),
  key: ({ part }) => changed(`${part.name}/key`, null, 'there'),
  pool: ({ part }) => changed(`${part.name}/pool-limit`, '10', '100'),
  'retry-storm': ({ routed, fleet, for: until }) => ({
    begins: [
      { set: { setting: `${routed.name}/timeout`, value: '40ms' } },
      { set: { setting: `${routed.name}/retries`, value: '20' } },
      { load: { times: 3, for: until, tenant: fleet.tenants[0] } },
    ],
    ends: [
      { set: { setting: `${routed.name}/timeout`, value: '2s' } },
      { set: { setting: `${routed.name}/retries`, value: '0' } },
    ],
  }),
  release: ({ part, noise }) => released(part, 3 + Math.floor(noise.uniform() * 3), 'all'),
  canary: ({ part, noise }) => released(part, 3 + Math.floor(noise.uniform() * 3), 'canary'),
  'certificate-expired': ({ part }) => held(`certificate ${part.name}`, 'expired'),
  'privilege-revoked': ({ part }) => held(`privilege ${part.name}`, 'revoked'),
  'store-failing': ({ part }) => held(`store ${part.name}`, 'failing'),
  'store-recovering': ({ part }) => ({
    begins: [{ asset: { asset: `store ${part.name}`, is: 'recovering', for: '40s' } }],
    ends: [],
  }),
  'hook-failing': ({ part, slot }) => ({
    begins: [{ asset: { asset: `hook ${part.name}`, is: 'failing' } }, { fault: { kind: 'kill', instance: slot } }],
    ends: [{ ends: { asset: `hook ${part.name}`, is: 'failing' } }],
  }),
  'credential-rotated': ({ part, noise }) => ({
    begins: [{ credential: { asset: `credential ${part.name}`, to: `v-${noise.token(4)}` } }],
    ends: [],
  }),
  record: ({ part, noise }) => ({
    begins: [{ record: { queue: `queue ${part.name}`, record: `record-${noise.token(4)}` } }],
    ends: [],
  }),
  session: ({ part, noise }) => ({
    begins: [
      {
        appears: {
          asset: `session ${noise.token(5)}`,
          kind: 'session',
          holds: part.name,
          partOf: `store ${part.name}`,
        },
      },
    ],
    ends: [],
  }),
  clock: ({ host }) => ({
    begins: [{ clock: { host, skew: '500d' } }],
    ends: [{ clock: { host, skew: '0s' } }],
  }),
  load: ({ tenant, for: until }) => ({ begins: [{ load: { tenant, times: 25, for: until } }], ends: [] }),
  'load-everywhere': ({ for: until }) => ({ begins: [{ load: { times: 3, for: until } }], ends: [] }),
  poison: ({ routed, tenant, for: until }) => ({
    begins: [
      {
        poison: {
          tenant,
          workload: routed.name,
          route: `/${routed.name}/export`,
          fingerprint: 'sha-bad',
          every: '15s',
          for: until,
        },
      },
    ],
    ends: [],
  }),
  job: ({ part }) => acting(`job-${part.name}`),
  fight: ({ part }) => {
    const acts = acting(`sync-${part.name}`);
    return { ...acts, ends: [...acts.ends, { set: { setting: `${part.name}/flag`, value: 'off' } }] };
  },
  observer: ({ noise, for: until }) => {
    const vantage = noise.pick(['keeper', 'prober', 'gateways', 'all']);
    const does = noise.pick(['silent', 'lies-down', 'stale', 'loses']);
    return { begins: [{ observer: { vantage, does, share: 0.5, for: until } }], ends: [] };
  },
  healer: ({ noise }) => befallen(noise, {}),
  'healer-at-work': ({ noise, slot }) => {
    const upon = noise.pick(['intent', 'applied', 'verified']);
    const { begins, ends } = befallen(noise, { upon });
    return { begins: [...begins, { fault: { kind: 'kill', instance: slot } }], ends };
  },
  person: ({ noise, part, slot }) => {
    const does = noise.pick(['stop', 'pause', 'freeze']);
    const scope = does === 'stop' ? 'global' : `workload ${part.name}`;
    return { begins: [{ person: { does, scope, for: '10m' } }, { fault: { kind: 'kill', instance: slot } }], ends: [] };
  },
};

/** Every kind of mishap that there is, by name. */
export const MISHAP_KINDS: readonly string[] = Object.keys(MISHAPS);

/** Events of a run, in random order at random times; `taken` says what was drawn. */
export function randomFaults(
  fleet: RandomFleet,
  given: { readonly lengthMs: number; readonly gapMs: number },
  noise: Noise,
): { readonly events: readonly Words[]; readonly taken: readonly string[] } {
  const events: Words[] = [];
  const taken: string[] = [];
  for (let at = 120_000; ; ) {
    at += Math.max(1_000, -Math.log(1 - noise.uniform()) * given.gapMs);
    if (at >= given.lengthMs - 60_000) return { events, taken };
    const kind = noise.pick(MISHAP_KINDS)!;
    const { begins, ends } = MISHAPS[kind]!(draw(fleet, noise));
    taken.push(kind);
    for (const each of begins) events.push({ at: `${Math.round(at)}ms`, ...each });
    const endsAt = at + PERSON_MS * (0.5 + noise.uniform());
    if (endsAt < given.lengthMs) for (const each of ends) events.push({ at: `${Math.round(endsAt)}ms`, ...each });
  }
}

function draw(fleet: RandomFleet, noise: Noise): Draw {
  const part = noise.pick(fleet.parts)!;
  return {
    noise,
    fleet,
    part,
    routed: noise.pick(fleet.parts.filter((each) => each.isRouted))!,
    slot: noise.pick(part.slots)!,
    host: noise.pick(fleet.hosts)!,
    tenant: noise.pick(fleet.tenants)!,
    for: noise.pick(LASTS)!,
  };
}

function broken(fault: Words): Omit<Mishap, 'kind'> {
  return { begins: [{ fault }], ends: [] };
}

function changed(setting: string, value: string | null, good: string): Omit<Mishap, 'kind'> {
  return { begins: [{ set: { setting, value, by: 'person release' } }], ends: [{ set: { setting, value: good } }] };
}

function released({ name }: Part, version: number, rollout: 'all' | 'canary'): Omit<Mishap, 'kind'> {
  const deploy = { workload: name, version, rollout, by: 'job pipeline' };
  return { begins: [{ deploy }], ends: [{ deploy: { workload: name, version: 2, rollout: 'all' } }] };
}

function held(asset: string, is: string): Omit<Mishap, 'kind'> {
  return { begins: [{ asset: { asset, is } }], ends: [{ ends: { asset, is } }] };
}

function acting(actor: string): Omit<Mishap, 'kind'> {
  return { begins: [{ actor: { actor, running: true } }], ends: [{ actor: { actor, running: false } }] };
}

function befallen(noise: Noise, more: Words): Omit<Mishap, 'kind'> {
  const does = noise.pick(['kill-leader', 'pause-leader', 'partition-leader', 'database-away', 'kill-all']);
  return { begins: [{ healer: { does, ...more } }], ends: [] };
}
