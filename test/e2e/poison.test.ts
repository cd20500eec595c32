import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock as clock } from '../../src/base/clock.ts';
import { ROOT, until } from './program.ts';
import { Stack } from './stack.ts';

let stack: Stack;

beforeAll(async () => {
  stack = await Stack.create(join(ROOT, 'test', 'fixtures', 'poisonable.yaml'));
  await stack.up();
}, 150_000);

afterAll(() => stack.close(), 150_000);

function post(host: string, path: string, body: string): Promise<number> {
  const { port } = new URL(stack.gateway);
  return new Promise((resolve) => {
    const outgoing = request({ port, host: '127.0.0.1', method: 'POST', path, headers: { host }, agent: false });
    outgoing.on('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    outgoing.on('error', () => resolve(0));
    outgoing.end(body);
  });
}

const POISON = ['maker.test', '/web/reports/4711', '{"rows":0}'] as const;

test('a request that kills whoever gets it is refused alone, after a few deaths, and everybody else is served', async () => {
  const over = new AbortController();
  const served = { maker: 0, other: 0 };
  const healthy = async (tenant: 'maker' | 'other') => {
    while (!over.signal.aborted) {
      if ((await post(`${tenant}.test`, '/web/reports/4711', '{"rows":10}')) === 200) served[tenant] += 1;
      await clock.sleep(50);
    }
  };
  const load = Promise.all([healthy('maker'), healthy('other')]);
  const poisonous = (async () => {
    while (!over.signal.aborted) {
      await post(...POISON);
      await clock.sleep(1_500);
    }
  })();
  const incident = await until('the poison is found and held', async () =>
    (await stack.incidents()).find(({ cause, outcome }) => cause === 'poison' && outcome === 'healed'),
  );
  const { repairs } = await stack.incident(incident.id);
  const input = repairs.at(-1)?.plan.steps[0]?.input;
  expect(input).toMatchObject({ kind: 'quarantine', tenant: 'maker', fingerprint: expect.any(String) });
  expect(JSON.stringify(input)).not.toContain('4711');
  expect(await post(...POISON)).toBe(503);
  const before = { ...served };
  await until('both tenants are served', () => served.maker > before.maker + 5 && served.other > before.other + 5);
  await until('all instances serve', async () => {
    const { instances } = await stack.workload('web');
    return instances.filter(({ ready, role }) => ready && role === 'occupant').length === 3;
  });
  over.abort();
  await Promise.all([load, poisonous]);
}, 200_000);
