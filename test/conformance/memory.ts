import { describe, expect, test } from 'vitest';
import type { Memory } from '../../src/heal/memory.ts';
import { diagnosisOf, planOf } from '../sim/plans.ts';

/** One memory and whoever leads in it. */
export interface MemoryUnderTest {
  /** The memory as the present leader has it. */
  readonly leader: Memory;
  /** Lets another lead: what `leader` was before is stale from now on. */
  depose(): Promise<Memory>;
}

const sick = diagnosisOf('instance-hung', { kind: 'instance', name: 'records-0', workload: 'records', version: 1 });
const SCOPES = ['global', 'workload records'];

/** What every implementation of `Memory` owes. `open` gives an empty one. */
export function memoryConformance(name: string, open: () => Promise<MemoryUnderTest>): void {
  describe(`${name} as a memory`, () => {
    test('keeps one open incident per key', async () => {
      const { leader } = await open();
      const first = await leader.openIncident(sick, 1_000);
      expect((await leader.openIncident({ ...sick, summary: 'worse' }, 2_000)).id).toBe(first.id);
      await leader.closeIncident(first.id, 'recovered');
      expect(await leader.readOpenIncidents()).toEqual([]);
      expect((await leader.openIncident(sick, 3_000)).id).not.toBe(first.id);
      expect(await leader.readRelapses(sick.key)).toMatchObject({ count: 1, lastOverAt: expect.any(Number) });
    });

    test('keeps to which incident one belongs, whatever becomes of it', async () => {
      const { leader } = await open();
      const first = await leader.openIncident(sick, 1_000);
      const second = await leader.openIncident({ ...sick, key: 'another' }, 2_000, first.id);
      await leader.widenIncident(second, { ...sick, key: 'another', summary: 'more of it' });
      await leader.rediagnoseIncident(second, { ...sick, key: 'a third' });
      const kept = (await leader.readOpenIncidents()).toSorted((a, b) => (a.openedAt < b.openedAt ? -1 : 1));
      expect(kept.map(({ key, body }) => [key, body.belongsTo])).toEqual([
        [sick.key, undefined],
        ['a third', first.id],
      ]);
    });

    test('widens an incident without touching what came of it', async () => {
      const { leader } = await open();
      const incident = await leader.openIncident(sick, 1_000);
      const plan = planOf({ incident: incident.id });
      await leader.beginRepair('rep_1', plan, SCOPES);
      await leader.end('rep_1', plan, 'escalated', 'a person was called');
      const wider = { ...sick, summary: 'more of it', evidence: [...sick.evidence, ...sick.evidence] };
      const [known] = await leader.readOpenIncidents();
      await leader.widenIncident(known!, wider);
      expect(await leader.readOpenIncidents()).toMatchObject([
        { id: incident.id, outcome: 'escalated', body: { diagnosis: { summary: 'more of it' } } },
      ]);
      expect((await leader.readOpenIncidents())[0]?.body.diagnosis.evidence).toHaveLength(2);
    });

    test('keeps one repair per target, and frees it at its end', async () => {
      const { leader } = await open();
      const { id: incident } = await leader.openIncident(sick, 1_000);
      const plan = planOf({ incident });
      await leader.beginRepair('rep_1', plan, SCOPES);
      const second = leader.beginRepair('rep_2', { ...plan, id: 'pln_2' }, SCOPES);
      await expect(second).rejects.toMatchObject({ code: 'resource.conflict' });
      await leader.end('rep_1', plan, 'unwound', 'it did not help');
      await leader.beginRepair('rep_3', { ...plan, id: 'pln_3' }, SCOPES);
      expect((await leader.readOpenRepairs()).map(({ id }) => id)).toEqual(['rep_3']);
    });

    test('a conflict takes no token', async () => {
      const { leader } = await open();
      const { id: incident } = await leader.openIncident(sick, 1_000);
      const plan = planOf({ incident });
      const full = await leader.readBudgets(SCOPES);
      await leader.beginRepair('rep_1', plan, SCOPES);
      await leader.beginRepair('rep_2', { ...plan, id: 'pln_2' }, SCOPES).catch(() => undefined);
      const left = await leader.readBudgets(SCOPES);
      for (const scope of SCOPES) expect(left[scope]).toBeCloseTo(full[scope]! - 1, 0);
    });

    test('numbers the journal without a gap, and ends an incident that was healed', async () => {
      const { leader } = await open();
      const { id: incident } = await leader.openIncident(sick, 1_000);
      const plan = planOf({ incident });
      await leader.beginRepair('rep_1', plan, SCOPES);
      await leader.append('rep_1', plan, { moveIndex: 0, event: 'intent', data: { move: 'replace' } });
      await leader.end('rep_1', plan, 'healed', 'verified');
      const journal = await leader.read('rep_1');
      expect(journal.map(({ seq, event }) => [seq, event])).toEqual([
        [1, 'opened'],
        [2, 'intent'],
        [3, 'ended'],
      ]);
      expect(await leader.readOpenIncidents()).toEqual([]);
      const [past] = await leader.readPastRepairs();
      expect(past).toMatchObject({ id: 'rep_1', outcome: 'healed', moves: ['replace'], playbook: plan.playbook });
    });

    test('what several write into a journal at once stands in it one after the other', async () => {
      const { leader } = await open();
      const { id: incident } = await leader.openIncident(sick, 1_000);
      const plan = planOf({ incident });
      await leader.beginRepair('rep_1', plan, SCOPES);
      const people = ['anna', 'ben', 'cleo', 'dan'];
      const say = (by: string) => leader.append('rep_1', plan, { moveIndex: 0, event: 'approved', data: { by } });
      await Promise.all(people.map(say));
      const journal = await leader.read('rep_1');
      expect(journal.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]);
      expect(new Set(journal.flatMap(({ data }) => data['by'] ?? []))).toEqual(new Set(people));
    });

    test('a refusal stands on the incident', async () => {
      const { leader } = await open();
      const incident = await leader.openIncident(sick, 1_000);
      await leader.refuseIncident(incident, { target: null, guards: [{ guard: 'stop' }] });
      const [open1] = await leader.readOpenIncidents();
      expect(open1?.body.refusal).toEqual({ target: null, guards: [{ guard: 'stop' }] });
    });

    test('adds up the harm of a playbook and counts which move healed which cause', async () => {
      const { leader } = await open();
      const { id: incident } = await leader.openIncident(sick, 1_000);
      const plan = planOf({ incident });
      const harm = { failed: 7, tenants: ['shop'], instances: [], minutes: 1 };
      for (const [n, event] of (['verify-failed', 'verified'] as const).entries()) {
        const each = { ...plan, id: `pln_${n}` };
        await leader.beginRepair(`rep_${n}`, each, SCOPES);
        await leader.append(`rep_${n}`, each, { moveIndex: 0, event, data: {} });
        await leader.end(`rep_${n}`, each, event === 'verified' ? 'healed' : 'unwound', '');
        await leader.noteHarm(`rep_${n}`, harm);
      }
      const { harms, pardons } = await leader.readTrackRecord();
      expect(harms.map(({ playbook, failed }) => [playbook, failed])).toEqual([
        [plan.playbook, 7],
        [plan.playbook, 7],
      ]);
      expect(pardons).toEqual([]);
      expect(await leader.readLearned()).toEqual({ [`${plan.cause} replace`]: { tried: 2, healed: 1, harm: 14 } });
    });

    test('whoever no longer leads writes nothing at all', async () => {
      const world = await open();
      const { leader } = world;
      const incident = await leader.openIncident(sick, 1_000);
      const plan = planOf({ incident: incident.id });
      await leader.beginRepair('rep_1', plan, SCOPES);
      const successor = await world.depose();
      const stale = { code: 'lease.stale' };
      await expect(leader.openIncident({ ...sick, key: 'another' }, 1_000)).rejects.toMatchObject(stale);
      await expect(leader.refuseIncident(incident, {})).rejects.toMatchObject(stale);
      await expect(leader.closeIncident(incident.id, 'recovered')).rejects.toMatchObject(stale);
      const next = { ...plan, id: 'pln_2', target: 'slot records/eu/1' };
      await expect(leader.beginRepair('rep_2', next, SCOPES)).rejects.toMatchObject(stale);
      const entry = { moveIndex: 0, event: 'intent' as const, data: {} };
      await expect(leader.append('rep_1', plan, entry)).rejects.toMatchObject(stale);
      await expect(leader.end('rep_1', plan, 'healed', '')).rejects.toMatchObject(stale);
      expect((await successor.read('rep_1')).map(({ event }) => event)).toEqual(['opened']);
      expect((await successor.readOpenIncidents()).map(({ id }) => id)).toEqual([incident.id]);
    });
  });
}
