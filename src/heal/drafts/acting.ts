/** Moves that do something to an asset and are no state that could be written. */
import type { JsonObject } from '../../base/json.ts';
import { type AssetView, instanceOf } from '../../diagnose/fleet-view.ts';
import type { AssetOrder } from '../fleet.ts';
import type { Touch } from '../plan.ts';
import {
  conditionsOf,
  type Draft,
  type DraftMove,
  factOf,
  isRestorable,
  keyOf,
  type Scene,
  subjectAsset,
  subjectInstance,
  subjectWorkload,
} from './scene.ts';
import { succeed } from './succession.ts';
import { touchAsset, touchInstances, touchRegions, touchTenants } from './touching.ts';

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

/**
 * A new certificate or credential beside the old one, which stays valid until the repair has ended well. What its holders
 * hold can be made valid again where that is ours to say (`restore`): then nobody has to learn a new one.
 */
export const rotate: DraftMove = (scene) => {
  const asset = subjectAsset(scene);
  if (!asset || (asset.kind !== 'certificate' && asset.kind !== 'credential')) return [];
  if (asset.detail['takesUpBy'] === 'restart') return renewAndReplace(scene, asset);
  return act(
    scene,
    'rotate',
    asset,
    isRestorable(asset) ? { restore: true } : { keepOld: true },
    isRestorable(asset)
      ? { effect: `what is held for ${asset.id} is made valid again`, undo: 'none is wanted: it is what is declared' }
      : {
          effect: `${asset.id} is issued anew; the old one stays valid beside it`,
          undo: 'the old one is used again',
        },
  );
};

/** One deed: who holds the old certificate is replaced once the new one is there, and again on the way back. */
function renewAndReplace(scene: Scene, asset: AssetView): readonly Draft[] {
  const instance = instanceOf(scene.fleet, String(asset.detail['instance']));
  const [successor] = instance ? succeed(scene, instance) : [];
  if (!successor) return [];
  const input = { keepOld: true, replacement: successor.input };
  const drafts = act(scene, 'rotate', asset, input, {
    effect: `${asset.id} is issued anew; ${successor.effect}`,
    undo: 'the old one is used again, by one more successor',
  });
  const { instances, servingTakenAtOnce } = successor.touch;
  return drafts.map((draft) => ({ ...draft, touch: { ...draft.touch, instances, servingTakenAtOnce } }));
}

export const syncClock: DraftMove = (scene) => {
  const asset = subjectAsset(scene);
  if (asset?.kind !== 'clock') return [];
  return act(scene, 'sync-clock', asset, asset.host === null ? {} : { host: asset.host }, {
    effect: `${asset.id} is set right, and its time service started again`,
    undo: 'none is wanted: a clock is not set wrong again',
    reversible: false,
  });
};

/** By each program that says how one is started and that backs up the server of the accused store, where it stands. */
export const backUp: DraftMove = (scene) => {
  const store = subjectAsset(scene);
  const programs = scene.fleet.assets.filter(({ detail }) => isOneOf(detail['backs'], store?.id));
  return programs.flatMap((program) =>
    act(
      scene,
      'back-up',
      program,
      {},
      {
        effect: `${program.id} starts a backup`,
        undo: 'none is wanted: one backup more takes nothing away',
      },
    ),
  );
};

function isOneOf(list: JsonObject[string] | undefined, name: string | undefined): boolean {
  return name !== undefined && Array.isArray(list) && list.includes(name);
}

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

/** Parameters of a rung that name what is run, and those that name its way back (`docs/moves.md`). */
const PROGRAMS = ['command', 'url', 'ansiblePlaybook', 'terraformDirectory'];
const WAYS_BACK = ['undoCommand', 'undoPlaybook', 'url'];

/** What the playbook gives: a script, a webhook, an Ansible playbook or a Terraform resource, and its way back. */
export const run: DraftMove = (scene, parameters) => {
  const name = PROGRAMS.find((each) => typeof parameters[each] === 'string');
  if (name === undefined) return [];
  const what = `${name} ${String(parameters[name])}`;
  const back = WAYS_BACK.find((each) => typeof parameters[each] === 'string');
  const asset = subjectAsset(scene)?.id ?? `program ${scene.subject.name}`;
  const draft: Draft = {
    move: 'run',
    input: { verb: 'run', asset, key: keyOf(scene, `run-${asset}`), input: parameters },
    touch: { ...touchSubject(scene), reversible: back !== undefined },
    effect: `${what} is run for ${scene.subject.name}`,
    undo: back === undefined ? 'none is known' : `${back} ${String(parameters[back])} is run`,
  };
  return [draft];
};

/** A program may do anything to what it is run for. */
function touchSubject(scene: Scene): Touch {
  const { fleet } = scene;
  const asset = subjectAsset(scene);
  if (asset) return touchAsset(fleet, asset);
  const instance = subjectInstance(scene);
  if (instance) return touchInstances(fleet, [instance], 0);
  const { subject } = scene;
  if (subject.kind === 'tenant') return touchTenants(fleet.tenants.filter(({ name }) => name === subject.name));
  return touchRegions(fleet, Object.keys(subjectWorkload(scene)?.wanted ?? {}));
}
