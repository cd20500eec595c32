import { KinError } from '../../../src/base/errors.ts';
import type { JsonObject } from '../../../src/base/json.ts';
import type { ConditionName } from '../../../src/observe/condition.ts';
import type { AssetOrder } from '../../../src/heal/fleet.ts';
import type { Asset } from './assets.ts';
import { ENDS } from './condition-rules.ts';
import type { World } from './world.ts';

const NEW_VALIDITY_MS = 90 * 86_400_000;

/** Does a thing to an asset, as it would be done in the world. Returns what came of it. */
export function actOn(world: World, order: AssetOrder): JsonObject {
  const assets = world.assets();
  const asset = assets.get(order.asset);
  if (!asset) throw new KinError('resource.unknown', `there is no asset ${order.asset}`);
  assets.end(asset.id, ENDS[order.verb]);
  switch (order.verb) {
    case 'terminate':
      if (asset.words.kind === 'session') assets.vanish(asset.id);
      return { terminated: asset.id };
    case 'rotate':
      return rotate(world, asset);
    case 'sync-clock':
      return syncClock(world, asset);
    case 'back-up':
      return {};
    case 'dead-letter':
      return deadLetter(asset, order.input);
    case 'failover':
      return failover(world, asset, order.input);
    case 'run':
      return run(world, asset, order.input);
  }
}

/** A new one is made, the other side takes it as well as those before, and all who hold it get it. */
function rotate(world: World, asset: Asset): JsonObject {
  const now = world.now();
  asset.rotations++;
  asset.validFrom = now;
  asset.validUntil = now + NEW_VALIDITY_MS;
  if (asset.current === null) return { validUntil: asset.validUntil };
  asset.current = `${asset.words.holds ?? 'v1'}-r${asset.rotations}`;
  asset.accepts = [...asset.accepts, asset.current].slice(-3);
  for (const workload of asset.words.workloads) {
    for (const instance of world.population.of(workload)) instance.credentials.set(asset.id, asset.current);
  }
  return { version: asset.current };
}

function syncClock(world: World, asset: Asset): JsonObject {
  const host = asset.words.host ?? asset.id.split(' ')[1] ?? '';
  world.population.setSkew(host, 0);
  return { host };
}

/** The named record is put aside if it is still the one at the head; without a name, whichever is. */
function deadLetter(asset: Asset, input: JsonObject): JsonObject {
  const named = input['record'] ?? input['offset'];
  const [head, ...rest] = asset.poison;
  if (head === undefined || (named !== undefined && named !== null && String(named) !== head)) return { skipped: null };
  asset.poison = rest;
  return { skipped: head };
}

/** The copy leads from now on; what had not reached it is lost, and an old primary that still writes corrupts. */
function failover(world: World, asset: Asset, input: JsonObject): JsonObject {
  const assets = world.assets();
  const named = assets.get(String(input['to'] ?? ''));
  const isReplica = asset.words.kind === 'replica';
  const store = isReplica ? assets.get(asset.words.partOf ?? '') : asset;
  const copies = assets.ofKind('replica').filter((each) => each.words.partOf === store?.id);
  const copy = isReplica ? asset : (named ?? copies.sort((a, b) => a.lagMs - b.lagMs)[0]);
  if (!copy) throw new KinError('resource.unknown', `${asset.id} has no copy that could lead`);
  world.judgeMoveOfData(copy);
  world.dataLostMs += copy.lagMs;
  if (store) {
    assets.end(store.id, ENDS.failover);
    const isSplit = copy.words.fenced === false && !assets.holds(store.id, 'failing');
    if (isSplit) assets.inject(store.id, 'corrupt', undefined, { reason: 'two primaries wrote at once' });
  }
  copy.lagMs = 0;
  return { leads: copy.id };
}

/** A command does what the asset says that it does: `detail.mends` names the condition that it ends. */
function run(world: World, asset: Asset, input: JsonObject): JsonObject {
  const mends = asset.words.detail['mends'];
  if (typeof mends === 'string') {
    world.assets().end(asset.id, [mends as ConditionName]);
    if (mends === 'exhausted') asset.used = 0;
  }
  return { command: input['command'] ?? null };
}
