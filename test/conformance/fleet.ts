import { describe, expect, test } from 'vitest';
import type { SlotPlace, SlotState } from '../../src/drivers/succession.ts';
import type { AssetOrder, Fleet, Mitigation, Replacement, SettingOrder } from '../../src/heal/fleet.ts';
import type { MoveContext } from '../../src/heal/move.ts';

/** One fleet with a workload of three ready instances of version 2, in one region, and whoever leads over it. */
export interface FleetUnderTest {
  readonly fleet: Fleet;
  readonly epoch: number;
  readonly workload: string;
  readonly region: string;
  /** Version 1 is known and can be started, too. */
  slots(): Promise<readonly (SlotPlace & SlotState)[]>;
  /** Ids of the instances that run for the workload. */
  running(): Promise<readonly string[]>;
  /** Everything else that the calls change, comparable. */
  rest(): Promise<unknown>;
  /** Lets another lead: the hands of before are stale once it has acted. */
  depose(): Promise<FleetUnderTest>;
  /** A setting with a value, and a way in which somebody else writes it. Left out where there are none. */
  readonly setting?: {
    readonly id: string;
    revision(): number;
    value(): string | null;
    overwrite(value: string): void;
  };
  readonly asset?: Omit<AssetOrder, 'key'>;
  readonly actor?: string;
}

const MINUTE_MS = 60_000;

/** Hands for one act: the key is that of the act, so that a repetition has the same. */
function contextOf({ fleet, epoch }: FleetUnderTest, key: string): MoveContext {
  return { key, epoch, fleet, signal: AbortSignal.timeout(MINUTE_MS) };
}

/** What every implementation of `Fleet` owes. `open` gives a fresh one. */
export function fleetConformance(name: string, open: () => Promise<FleetUnderTest>): void {
  describe(`${name} as a fleet`, () => {
    replacements(open);
    limitsAndTargets(open);
    scaling(open);
    fencing(open);
    parts(open);
  });
}

async function orderFor(of: FleetUnderTest, change: Partial<Replacement> = {}): Promise<Replacement> {
  const slot = (await of.slots()).find((each) => each.ordinal === 0);
  const { workload, region } = of;
  const old = { oldInstance: slot?.instance ?? null, oldVersion: slot?.version ?? null, oldState: 'ready' as const };
  return {
    workload,
    region,
    ordinal: 0,
    ...old,
    newInstance: `${workload}-next`,
    version: 2,
    inPlace: false,
    ...change,
  };
}

/** What tenants could tell apart: versions in slots, how many run, and what is on its way. */
async function pictureOf(of: FleetUnderTest): Promise<unknown> {
  const slots = await of.slots();
  const running = await of.running();
  const lost = running.filter((id) => !slots.some((slot) => slot.instance === id));
  const places = slots.map(({ ordinal, version, incoming, instance }) => ({
    ordinal,
    version,
    incoming,
    runs: instance !== null && running.includes(instance),
  }));
  return { places, lost, rest: await of.rest() };
}

function replacements(open: () => Promise<FleetUnderTest>): void {
  test('a replacement gives the slot to the successor, ends the old one, and is done once when it is repeated', async () => {
    const of = await open();
    const order = await orderFor(of);
    await of.fleet.replace(order, contextOf(of, 'a'));
    const running = await of.running();
    expect(running).toContain(order.newInstance);
    expect(running).not.toContain(order.oldInstance);
    expect((await of.slots())[0]).toMatchObject({ instance: order.newInstance, version: 2, incoming: null });
    await of.fleet.replace(order, contextOf(of, 'a'));
    expect(await of.running()).toEqual(running);
  });

  test('an undo of what never began changes nothing', async () => {
    const of = await open();
    const before = await pictureOf(of);
    const running = await of.running();
    await of.fleet.undoReplace(await orderFor(of), contextOf(of, 'a:undo'));
    expect(await pictureOf(of)).toEqual(before);
    expect(await of.running()).toEqual(running);
  });

  test('an equal successor stays at an undo, and is the only one', async () => {
    const of = await open();
    const before = await pictureOf(of);
    const order = await orderFor(of);
    await of.fleet.replace(order, contextOf(of, 'a'));
    for (let i = 0; i < 2; i++) await of.fleet.undoReplace(order, contextOf(of, 'a:undo'));
    expect(await pictureOf(of)).toEqual(before);
    expect(await of.running()).toContain(order.newInstance);
  });

  test('a successor that was to read a setting anew is no equal one: another takes its place at an undo', async () => {
    const of = await open();
    const before = await pictureOf(of);
    const order = await orderFor(of, { rereads: 'records/POOL' });
    await of.fleet.replace(order, contextOf(of, 'a'));
    for (let i = 0; i < 2; i++) await of.fleet.undoReplace(order, contextOf(of, 'a:undo'));
    expect(await pictureOf(of)).toEqual(before);
    expect(await of.running()).not.toContain(order.newInstance);
  });

  test.each([false, true])(
    'an undo brings the old version back (in place: %s), once when it is repeated',
    async (inPlace) => {
      const of = await open();
      const before = await pictureOf(of);
      const order = await orderFor(of, { version: 1, inPlace });
      await of.fleet.replace(order, contextOf(of, 'a'));
      expect((await of.slots())[0]).toMatchObject({ version: 1 });
      for (let i = 0; i < 2; i++) await of.fleet.undoReplace(order, contextOf(of, 'a:undo'));
      expect(await pictureOf(of)).toEqual(before);
    },
  );

  test('a slot that somebody else has is left alone', async () => {
    const of = await open();
    const order = await orderFor(of, { oldInstance: 'somebody', newInstance: `${of.workload}-late` });
    const before = await pictureOf(of);
    await expect(of.fleet.replace(order, contextOf(of, 'a'))).rejects.toMatchObject({ code: 'resource.conflict' });
    expect(await pictureOf(of)).toEqual(before);
  });
}

function limitsAndTargets(open: () => Promise<FleetUnderTest>): void {
  const limit: Mitigation = {
    id: 'x-1',
    kind: 'throttle',
    tenant: 'shop',
    requestsPerSecond: 5,
    concurrency: 2,
    minutes: 10,
  };

  test('a limit is there once, and can be lifted also when it never was', async () => {
    const of = await open();
    const before = await of.rest();
    await of.fleet.liftMitigation(limit.id, contextOf(of, 'a:undo'));
    expect(await of.rest()).toEqual(before);
    await of.fleet.mitigate(limit, contextOf(of, 'a'));
    const limited = await of.rest();
    expect(limited).not.toEqual(before);
    await of.fleet.mitigate(limit, contextOf(of, 'a'));
    expect(await of.rest()).toEqual(limited);
    for (let i = 0; i < 2; i++) await of.fleet.liftMitigation(limit.id, contextOf(of, 'a:undo'));
    expect(await of.rest()).toEqual(before);
  });

  test('a target that is set and set back is as before, and marks nobody as bad', async () => {
    const of = await open();
    const before = await of.rest();
    const { workload } = of;
    await of.fleet.setTarget({ workload, version: 1, phase: 'steady', rejected: 2 }, contextOf(of, 'a'));
    expect(await of.rest()).not.toEqual(before);
    await of.fleet.setTarget({ workload, version: 2, phase: 'canary', rejected: null }, contextOf(of, 'a:undo'));
    expect(await of.rest()).toEqual(before);
  });
}

function scaling(open: () => Promise<FleetUnderTest>): void {
  test('more instances serve when scaling resolves, no more when it is repeated, and none is left at its undo', async () => {
    const of = await open();
    const before = await pictureOf(of);
    const order = { workload: of.workload, regions: [of.region], by: 1, key: 'pln_abcde' };
    await of.fleet.scale(order, contextOf(of, 'a'));
    const running = await of.running();
    expect(running).toHaveLength(4);
    await of.fleet.scale(order, contextOf(of, 'a'));
    expect(await of.running()).toEqual(running);
    for (let i = 0; i < 2; i++) await of.fleet.scale({ ...order, by: 0 }, contextOf(of, 'a:undo'));
    expect(await pictureOf(of)).toEqual(before);
  });

  test('one fewer serves when scaling in resolves, no fewer when it is repeated, and as many as before at its undo', async () => {
    const of = await open();
    const before = await of.running();
    const order = { workload: of.workload, region: of.region, key: 'pln_infew' };
    for (let i = 0; i < 2; i++) await of.fleet.scaleIn(order, contextOf(of, 'a'));
    const fewer = await of.running();
    expect(fewer).toHaveLength(before.length - 1);
    expect(before).toEqual(expect.arrayContaining([...fewer]));
    for (let i = 0; i < 2; i++) await of.fleet.undoScaleIn(order, contextOf(of, 'a:undo'));
    const again = await of.running();
    expect(again).toHaveLength(before.length);
    expect(again).toEqual(expect.arrayContaining([...fewer]));
  });

  test('an undo of scaling in that had not begun changes nothing', async () => {
    const of = await open();
    const before = await pictureOf(of);
    const order = { workload: of.workload, region: of.region, key: 'pln_never' };
    await of.fleet.undoScaleIn(order, contextOf(of, 'a:undo'));
    expect(await pictureOf(of)).toEqual(before);
  });
}

function fencing(open: () => Promise<FleetUnderTest>): void {
  test('a former leader changes nothing once another has acted', async () => {
    const former = await open();
    const order = await orderFor(former);
    const leader = await former.depose();
    await leader.fleet.undoReplace(order, contextOf(leader, 'b:undo'));
    const before = await pictureOf(leader);
    const { workload, region } = former;
    const context = contextOf(former, 'a');
    const acts = [
      () => former.fleet.replace(order, context),
      () => former.fleet.scale({ workload, regions: [region], by: 1, key: 'pln_late1' }, context),
      () => former.fleet.setTarget({ workload, version: 1, phase: 'steady', rejected: 2 }, context),
      () => former.fleet.liftMitigation('x-1', context),
    ];
    for (const act of acts) await expect(act()).rejects.toMatchObject({ code: expect.stringMatching(STALE) });
    expect(await pictureOf(leader)).toEqual(before);
  });

  test('what is told to stop before it begins does nothing', async () => {
    const of = await open();
    const before = await pictureOf(of);
    const context = { ...contextOf(of, 'a'), signal: AbortSignal.abort(new Error('no longer leads')) };
    await expect(of.fleet.replace(await orderFor(of), context)).rejects.toThrow('no longer leads');
    const scale = { workload: of.workload, regions: [of.region], by: 1, key: 'pln_late2' };
    await expect(of.fleet.scale(scale, context)).rejects.toThrow('no longer leads');
    expect(await pictureOf(of)).toEqual(before);
  });
}

const STALE = /^(?:lease\.stale|lease\.lost|keeper\.refused)$/;

function parts(open: () => Promise<FleetUnderTest>): void {
  test('a setting is written by compare-and-set, once per key, and taken back only from its own value', async (context) => {
    const of = await open();
    const { setting } = of;
    if (!setting) return context.skip();
    const oldValue = setting.value();
    const order: SettingOrder = {
      setting: setting.id,
      value: 'new',
      expectedRevision: setting.revision(),
      oldValue,
      key: 'k',
    };
    const stale = { ...order, expectedRevision: order.expectedRevision - 1, key: 'stale' };
    await expect(of.fleet.set(stale, contextOf(of, 'z'))).rejects.toMatchObject({ code: 'resource.conflict' });
    await of.fleet.unset(order, contextOf(of, 'a:undo'));
    expect(setting.value()).toBe(oldValue);
    await of.fleet.set(order, contextOf(of, 'a'));
    const written = setting.revision();
    await of.fleet.set(order, contextOf(of, 'a'));
    expect({ value: setting.value(), revision: setting.revision() }).toEqual({ value: 'new', revision: written });
    for (let i = 0; i < 2; i++) await of.fleet.unset(order, contextOf(of, 'a:undo'));
    expect({ value: setting.value(), revision: setting.revision() }).toEqual({
      value: oldValue,
      revision: written + 1,
    });
    setting.overwrite('by hand');
    await of.fleet.unset(order, contextOf(of, 'a:undo'));
    expect(setting.value()).toBe('by hand');
  });

  test('a thing is done to an asset once per key, and taken back', async (context) => {
    const of = await open();
    if (!of.asset) return context.skip();
    const before = await of.rest();
    const order = { ...of.asset, key: 'k' };
    await of.fleet.act(order, contextOf(of, 'a'));
    const done = await of.rest();
    expect(done).not.toEqual(before);
    await of.fleet.act(order, contextOf(of, 'a'));
    expect(await of.rest()).toEqual(done);
    for (let i = 0; i < 2; i++) await of.fleet.unact(order, contextOf(of, 'a:undo'));
    expect(await of.rest()).toEqual(before);
  });

  test('an actor that somebody else holds goes on only when nobody holds it any more', async (context) => {
    const of = await open();
    const { actor } = of;
    if (actor === undefined) return context.skip();
    const before = await of.rest();
    await of.fleet.suspend({ actor, suspended: true, key: 'other' }, contextOf(of, 'b'));
    const held = await of.rest();
    for (const suspended of [true, true, false, false]) {
      await of.fleet.suspend({ actor, suspended, key: 'k' }, contextOf(of, 'a'));
    }
    expect(await of.rest()).toEqual(held);
    await of.fleet.suspend({ actor, suspended: false, key: 'other' }, contextOf(of, 'b:undo'));
    expect(await of.rest()).toEqual(before);
  });
}
