import { once } from 'node:events';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { InflightJournal, type LostRequest } from './inflight-journal.ts';
import type { TelemetryReport } from './telemetry.ts';
import { ask, mitigationEntry, routeEntry, TestWorld, tenantEntry, until } from './test-world.ts';

const request = (fingerprint: string): LostRequest => {
  return { tenant: 'acme', workload: 'web', route: 'GET /', fingerprint, instance: 'ins_0', version: 1 };
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kin-inflight-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('what was begun and not ended is found by the next process, and only once', () => {
  const path = join(folder, 'inflight-0.bin');
  const { journal } = InflightJournal.open(path);
  const slots = ['a', 'b', 'c'].map((each) => journal.begin(request(each)));
  journal.end(slots[1]);
  expect(journal.begin(request('d'))).toBe(slots[1]);
  const next = InflightJournal.open(path);
  expect(next.lost.map(({ fingerprint }) => fingerprint)).toEqual(['a', 'd', 'c']);
  expect(InflightJournal.open(path).lost).toEqual([]);
});

test('damage loses what it hit and nothing else, and a request that does not fit is not kept', () => {
  const path = join(folder, 'inflight-0.bin');
  const { journal } = InflightJournal.open(path);
  journal.begin(request('a'));
  for (let many = 0; many < 5_000; many += 1) {
    expect(journal.begin({ ...request('b'), route: 'x'.repeat(1_000) })).toBeUndefined();
  }
  expect(journal.begin(request('c'))).toBe(1);
  appendFileSync(path, '{"half');
  expect(InflightJournal.open(path).lost.map(({ fingerprint }) => fingerprint)).toEqual(['a', 'c']);
});

test('the request under which a process died is reported, and can then be refused by its fingerprint', async () => {
  const world = new TestWorld();
  const reports: TelemetryReport[] = [];
  const control = createServer(async (incoming, response) => {
    reports.push((await json(incoming)) as TelemetryReport);
    response.end('{}');
  });
  control.listen(join(world.folder, 'control.sock'));
  await once(control, 'listening');
  world.onClose(() => control.close());
  world.tenants.push(tenantEntry('acme'));
  world.routes.push(routeEntry('web'));
  await world.upstream((incoming, response) => {
    if (incoming.url === '/kills') incoming.socket.destroy();
    else response.end('ok');
  });
  world.publish();
  const { port } = await world.gateway();
  const killing = { method: 'POST', path: '/kills', body: '{"poison":1}' };
  expect((await ask(port, killing)).status).toBe(502);
  await until(() => reports.some(({ lost }) => lost.length > 0));
  const { lost } = reports.find((report) => report.lost.length > 0)!;
  expect(lost).toMatchObject([{ tenant: 'acme', workload: 'web', route: 'POST /kills', instance: 'ins_0' }]);
  expect(JSON.stringify(lost)).not.toContain('poison');
  world.mitigations = [mitigationEntry({ tenant: 'acme', fingerprint: lost[0]!.fingerprint })];
  world.publish();
  await until(async () => (await ask(port, killing)).status === 503);
  expect((await ask(port, { ...killing, body: '{"harmless":1}' })).status).toBe(502);
  expect((await ask(port)).status).toBe(200);
});
