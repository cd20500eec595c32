import type { ConditionName } from '../../../src/observe/condition.ts';
import type { Around, Asset, Standing } from './assets.ts';
import type { Instance } from './instance.ts';

/** A certificate that ends sooner than this is one that will be missed. */
const EXPIRING_MS = 7 * 86_400_000;
const SKEW_MIN_MS = 5_000;
const LAG_MIN_MS = 10_000;
/** However little is missing, a full pool or disk is felt. */
const FULL_SHARE_MIN = 0.3;
const FULL_DISK_SHARE = 0.8;

type Found = readonly (readonly [ConditionName, Standing])[];

/** What holds of an asset by its own state: measured, not told. Each kind is looked at in its own way. */
export function measure(asset: Asset, around: Around): Found {
  switch (asset.words.kind) {
    case 'certificate':
      return validity(asset, around);
    case 'credential':
      return [...validity(asset, around), ...versions(asset, around)];
    case 'clock':
      return skew(asset, around);
    case 'queue':
      return asset.poison.length === 0 ? [] : [['blocked', blockedBy(asset, around)]];
    case 'session':
      return asset.words.holds === undefined ? [] : [['holding', holding(asset)]];
    case 'replica':
      return asset.lagMs < LAG_MIN_MS
        ? []
        : [['lagging', { reason: `${asset.id} is ${asset.lagMs} ms behind`, detail: { lagMs: asset.lagMs } }]];
    case 'host':
      return asset.words.host !== null && around.isHostDown(asset.words.host)
        ? [['failing', { reason: `${asset.words.host} does not answer`, detail: { host: asset.words.host } }]]
        : full(asset, around);
    case 'object':
      return absent(asset, around, 'missing');
    case 'protection':
      return absent(asset, around, 'disabled');
    case 'privilege':
      return absent(asset, around, 'revoked');
    case 'data':
      return leaking(asset, around);
    default:
      return full(asset, around);
  }
}

function holdersOf(asset: Asset, around: Around): readonly Instance[] {
  return asset.words.workloads
    .flatMap((name) => around.instancesOf(name))
    .filter((each) => each.state === 'running' && (asset.words.host === null || each.host === asset.words.host));
}

/** Valid or not by the clock of each host that checks it: a clock that is off makes a good certificate look bad. */
function validity(asset: Asset, around: Around): Found {
  if (!Number.isFinite(asset.validFrom) && !Number.isFinite(asset.validUntil)) return [];
  const now = around.now();
  const holders = holdersOf(asset, around);
  const found: [ConditionName, Standing][] = [];
  for (const condition of ['expired', 'not-yet-valid'] as const) {
    const isBad = (host: string) => {
      const at = now + around.skewOf(host);
      return condition === 'expired' ? at >= asset.validUntil : at < asset.validFrom;
    };
    const bad = holders.filter((each) => isBad(each.host));
    const byNobody = holders.length === 0 && isBad(asset.words.host ?? '');
    if (bad.length === 0 && !byNobody) continue;
    const instances = bad.map((each) => each.instance);
    const hosts = [...new Set(bad.map((each) => each.host))];
    const skewMs = hosts.map((host) => around.skewOf(host));
    const reason = `${asset.id} is ${condition} by the clock of ${hosts.length === 0 ? 'the prober' : hosts.join(', ')}`;
    found.push([condition, { reason, detail: { instances, hosts, skewMs }, instances }]);
  }
  const leftMs = asset.validUntil - now;
  if (leftMs > 0 && leftMs < EXPIRING_MS) {
    found.push(['expiring', { reason: `${asset.id} ends in ${Math.round(leftMs / 60_000)} min`, detail: { leftMs } }]);
  }
  return found;
}

/** A credential that was changed at one side: processes that hold the old one are stale, and refused once it is. */
function versions(asset: Asset, around: Around): Found {
  const holders = holdersOf(asset, around);
  const heldBy = (each: Instance) => each.credentials.get(asset.id) ?? asset.current;
  const stale = holders.filter((each) => heldBy(each) !== asset.current).map((each) => each.instance);
  const rejected = holders.filter((each) => !asset.accepts.includes(heldBy(each) ?? '')).map((each) => each.instance);
  const found: [ConditionName, Standing][] = [];
  if (rejected.length > 0) {
    const reason = `${asset.id} is refused for ${rejected.length} of ${holders.length} processes`;
    const delivered = asset.accepts.includes(asset.current ?? '');
    found.push(['rejected', { reason, detail: { instances: rejected, delivered }, instances: rejected }]);
  }
  if (stale.length > 0) {
    const reason = `${stale.length} of ${holders.length} processes hold an old version of ${asset.id}`;
    found.push(['stale', { reason, detail: { instances: stale } }]);
  }
  return found;
}

function skew(asset: Asset, around: Around): Found {
  const host = asset.words.host ?? asset.id.split(' ')[1] ?? '';
  const skewMs = around.skewOf(host);
  if (Math.abs(skewMs) < SKEW_MIN_MS) return [];
  return [['skewed', { reason: `the clock of ${host} is off by ${skewMs} ms`, detail: { host, skewMs } }]];
}

function blockedBy(asset: Asset, around: Around): Standing {
  const record = asset.poison[0]!;
  const waiting = Math.round(((asset.words.perSecond ?? 0) * (around.now() - asset.since)) / 1_000);
  const reason = `${asset.id} does not move on from record ${record}`;
  return { reason, detail: { record, offset: record, waiting } };
}

function holding(asset: Asset): Standing {
  const holds = asset.words.holds!;
  const reason = `${asset.id} holds what ${holds} waits for`;
  return { reason, detail: { holds, session: asset.id, startedAt: asset.since } };
}

/** A canary that asks under two names gets back what belongs to the other. */
function leaking(asset: Asset, around: Around): Found {
  const instances = holdersOf(asset, around)
    .filter(({ behaviour }) => behaviour.leaks)
    .map((each) => each.instance);
  if (instances.length === 0) return [];
  return [['leaking', { reason: `a canary got another tenant's answer from ${asset.id}`, detail: { instances } }]];
}

/** What is used is more than there is. */
function full(asset: Asset, around: Around): Found {
  const limit = limitOf(asset, around);
  if (limit === undefined) return [];
  const by = around.usesOf(asset.id);
  const grown = ((asset.words.grows ?? 0) * (around.now() - asset.since)) / 1_000;
  const used = asset.used + grown + [...by.values()].reduce((sum, each) => sum + each, 0);
  if (used <= limit) return [];
  const isPool = asset.words.kind === 'pool' || asset.words.kind === 'host' || asset.words.kind === 'service';
  const share = isPool ? Math.max(FULL_SHARE_MIN, (used - limit) / used) : FULL_DISK_SHARE;
  const reason = `${asset.id} is at its limit: ${Math.round(used)} are asked for, ${limit} are there`;
  return [['exhausted', { reason, detail: { used, limit, by: Object.fromEntries(by) }, share }]];
}

function limitOf(asset: Asset, around: Pick<Around, 'settings'>): number | undefined {
  const setting = asset.words.settings[0];
  const set = setting === undefined ? undefined : around.settings.number(setting);
  return set ?? asset.words.limit;
}

const OFF = new Set([null, '', 'off', 'false', 'disabled', 'none', '0']);

/** Not there any more: its setting is absent or off, and neither declared so nor so from the start. */
function absent(asset: Asset, around: Around, condition: ConditionName): Found {
  const { settings } = around;
  const off = asset.words.settings.filter((id) => {
    const value = settings.value(id);
    return settings.has(id) && OFF.has(value) && value !== settings.meant(id);
  });
  if (off.length === 0) return [];
  return [[condition, { reason: `${asset.id} is ${condition}`, detail: { settings: off } }]];
}
