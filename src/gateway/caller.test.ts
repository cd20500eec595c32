import { existsSync, readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { NewEvent } from '../ledger/entry.ts';
import { callerOf, subjectsOf } from './caller.ts';
import type { Gateway } from './server.ts';
import { ask, routeEntry, sha256, TestWorld, tenantEntry, until } from './test-world.ts';

const world = new TestWorld();
let gateway: Gateway;

beforeAll(async () => {
  const keys = { apiKeySha256: [sha256('key-acme')], apiKeyNames: ['ward-7'] };
  world.tenants.push(tenantEntry('acme', { ...keys, audit: 'required' }));
  world.routes.push(routeEntry('web'));
  await world.upstream((request, response) => {
    response.setHeader('x-kintsugi-subject', ['patient-1, Jos%C3%A9%2C%20B.', 'patient-1']);
    response.statusCode = Number(request.headers['x-status'] ?? 200);
    response.end('x'.repeat(100));
  });
  world.publish();
  gateway = await world.gateway();
});
afterAll(() => world.close());

async function recordOf(id: string, headers: Record<string, string>): Promise<NewEvent> {
  const answer = await ask(gateway.port, {
    host: 'acme.test',
    headers: { 'x-request-id': id, 'user-agent': 'Browser/1', ...headers },
  });
  expect(answer.headers['x-kintsugi-subject']).toBeUndefined();
  let found: NewEvent | undefined;
  await until(() => {
    found = world.ledger.events.find(({ data }) => data['requestId'] === id);
    return found !== undefined;
  });
  return found!;
}

const jwt = `x.${Buffer.from(JSON.stringify({ sub: 'nurse-9' })).toString('base64url')}.y`;

describe('a record', () => {
  test('names the caller and whom the workload says it is about, apart from what is in the clear', async () => {
    const { personal, ...clear } = await recordOf('req_person01', { 'x-api-key': 'key-acme' });
    expect(personal).toEqual([
      { role: 'actor', subject: 'key:ward-7', data: { key: 'ward-7', ip: '127.0.0.1', agent: 'Browser/1' } },
      { role: 'subject', subject: 'patient-1', data: { name: 'patient-1' } },
      { role: 'subject', subject: 'José, B.', data: { name: 'José, B.' } },
    ]);
    expect(JSON.stringify(clear)).not.toMatch(/ward|127\.0|Browser|patient|Jos/);
    expect(clear.data['responseBytes']).toBe(128);
  });

  test('believes a token of the application only when the instance did not refuse it', async () => {
    const authorization = `Bearer ${jwt}`;
    const served = await recordOf('req_person02', { authorization });
    expect(served.personal?.[0]).toMatchObject({ subject: 'sub:nurse-9', data: { sub: 'nurse-9' } });
    const refused = await recordOf('req_person03', { authorization, 'x-status': '401' });
    expect(refused.personal?.[0]).toMatchObject({ subject: 'ip:127.0.0.1' });
    expect(JSON.stringify(refused.personal)).not.toContain('nurse');
  });

  test('lies in the journal without a word of it in the clear', async () => {
    world.ledger.isAway = true;
    await ask(gateway.port, { host: 'acme.test', headers: { 'x-api-key': 'key-acme', 'user-agent': 'Secret/2' } });
    const journal = readFileSync(join(world.folder, 'access-0.ndjson'), 'utf8');
    world.ledger.isAway = false;
    expect(journal).toContain('"letter":"');
    expect(journal).not.toMatch(/ward-7|127\.0\.0\.1|Secret|patient-1|personal/);
  });

  test('that is required is not promised without a letter box: its caller could be lost', async () => {
    const place = new TestWorld();
    place.tenants.push(...world.tenants);
    place.routes.push(routeEntry('web'));
    place.instances = world.instances;
    place.publish();
    const nowhere = join(place.folder, 'nowhere');
    const { port } = await place.gateway({ letterBoxFile: nowhere });
    expect(existsSync(nowhere)).toBe(false);
    expect((await ask(port)).status).toBe(503);
    await place.close();
  });
});

test('a household is one caller, whatever address of it is used', () => {
  const from = (remoteAddress: string) =>
    callerOf({ socket: { remoteAddress }, headers: {} } as unknown as IncomingMessage, undefined, true).subject;
  expect(from('2001:db8:1:2:3:4:5:6')).toBe('ip:2001:db8:1:2::/64');
  expect(from('2001:db8:1:2::9')).toBe('ip:2001:db8:1:2::/64');
  expect(from('2001:db8::1')).toBe('ip:2001:db8:0:0::/64');
  expect(from('::1')).toBe('ip:0:0:0:0::/64');
  expect(from('::ffff:10.0.0.1')).toBe('ip:10.0.0.1');
});

test('what a workload says of subjects is limited and never breaks a request', () => {
  expect(subjectsOf(undefined)).toEqual([]);
  expect(subjectsOf('%E0%A4%A, ,x')).toMatchObject([{ subject: '%E0%A4%A' }, { subject: 'x' }]);
  expect(subjectsOf('y'.repeat(300))).toEqual([]);
  expect(subjectsOf(Array.from({ length: 40 }, (_, n) => `s${n}`))).toHaveLength(15);
});
