/** Moves that do something to an asset and are no state that could be written. */
import type { JsonObject } from '../../base/json.ts';
import type { AssetView } from '../../diagnose/fleet-view.ts';
import type { AssetOrder } from '../fleet.ts';
import { conditionsOf, type Draft, type DraftMove, factOf, keyOf, type Scene, subjectAsset } from './scene.ts';
import { touchAsset } from './touching.ts';

interface Said {
  readonly effect: string;
  readonly undo: string;
  readonly reversible?: boolean;
  readonly region?: string | null;
}

function act(
  scene: Scene,
  verb: AssetOrder['verb'],
  asset: AssetView,
  input: JsonObject,
  said: Said,
): readonly Draft[] {
  const touch = touchAsset(scene.fleet, asset, said.region ?? asset.region);
  const draft: Draft = {
    move: verb,
    input: { verb, asset: asset.id, key: keyOf(scene, `${verb}-${asset.id}`), input },
    touch: { ...touch, reversible: said.reversible ?? true },
    effect: said.effect,
    undo: said.undo,
  };
  return [draft];
}

/** A session that others wait for: the accused one, or those that hold the accused store. */
export const terminate: DraftMove = (scene) => {
  const asset = subjectAsset(scene);
  if (!asset) return [];
  const sessions =
    asset.kind === 'session'
      ? [asset]
      : scene.fleet.assets.filter(
          (each) => each.kind === 'session' && conditionsOf(scene, each.id).includes('holding'),
        );
  return sessions.flatMap((session) =>
    act(scene, 'terminate', session, session.detail, {
      effect: `${session.id} is ended, and what it had not committed is rolled back`,
      undo: 'none is needed: its client begins again',
      reversible: false,
    }),
  );
};

/** A new certificate or credential beside the old one, which stays valid until the repair has ended well. */
export const rotate: DraftMove = (scene) => {
  const asset = subjectAsset(scene);
  if (!asset || (asset.kind !== 'certificate' && asset.kind !== 'credential')) return [];
  return act(
    scene,
    'rotate',
    asset,
    { keepOld: true },
    {
      effect: `${asset.id} is issued anew; the old one stays valid beside it`,
      undo: 'the old one is used again',
    },
  );
};

export const syncClock: DraftMove = (scene) => {
  const asset = subjectAsset(scene);
  if (asset?.kind !== 'clock') return [];
  return act(scene, 'sync-clock', asset, asset.host === null ? {} : { host: asset.host }, {
    effect: `${asset.id} is set right, and its time service started again`,
    undo: 'none is wanted: a clock is not set wrong again',
    reversible: false,
  });
};

/** The record at which a queue stands still. */
export const deadLetter: DraftMove = (scene) => {
  const asset = subjectAsset(scene);
  const record = factOf(scene, 'record');
  if (asset?.kind !== 'queue' || (typeof record !== 'string' && typeof record !== 'number')) return [];
  return act(
    scene,
    'dead-letter',
    asset,
    { record },
    {
      effect: `record ${record} of ${asset.id} is put aside, and those behind it go on`,
      undo: `record ${record} is put back`,
    },
  );
};

/** To the copy with the least lag; whether that is safe is for the guards. */
export const failover: DraftMove = (scene) => {
  const asset = subjectAsset(scene);
  if (!asset || (asset.kind !== 'store' && asset.kind !== 'service')) return [];
  if (conditionsOf(scene, asset.id).includes('recovering')) return [];
  const copies = scene.fleet.assets.filter((each) => each.kind === 'replica' && each.partOf === asset.id);
  const best = copies.toSorted((a, b) => dangerOf(a) - dangerOf(b))[0];
  if (!best) return [];
  const { lagMs } = best.detail;
  return act(
    scene,
    'failover',
    asset,
    { to: best.id },
    {
      effect: `${best.id} leads in the place of ${asset.id}`,
      undo: lagMs === 0 ? 'it is failed back' : 'what the copy never had is lost',
      reversible: lagMs === 0,
      region: best.region,
    },
  );
};

/** Unfenced copies last, then by lag; a lag that nobody knows is the longest. */
function dangerOf({ detail }: AssetView): number {
  const lagMs = typeof detail['lagMs'] === 'number' ? detail['lagMs'] : Number.MAX_SAFE_INTEGER / 4;
  return lagMs + (detail['fenced'] === true ? 0 : Number.MAX_SAFE_INTEGER / 2);
}

/** What the playbook gives: a command, and the command that takes it back. */
export const run: DraftMove = (scene, parameters) => {
  const asset = subjectAsset(scene);
  const { command, undo } = parameters;
  if (!asset || typeof command !== 'string') return [];
  const isReversible = typeof undo === 'string';
  return act(
    scene,
    'run',
    asset,
    { command, ...(isReversible ? { undo } : {}) },
    {
      effect: `${command} is run on ${asset.id}`,
      undo: isReversible ? `${undo} is run` : 'none is known',
      reversible: isReversible,
    },
  );
};
