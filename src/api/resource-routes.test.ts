import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ControlApi, OWN_TOKEN, startControlApi } from '../../test/fixtures/control-api.ts';

let api: ControlApi;
beforeAll(async () => {
  api = await startControlApi(['clinic-de', 'clinic-fr']);
}, 60_000);
afterAll(() => api?.close());

const KEY = 'b9c620a483f566aae889d24d53be0fcad66b96a2fc02cfad1863edc22299eafc';

function tenant(name: string, spec: object) {
  const whole = {
    profiles: ['gdpr'],
    regions: ['eu'],
    dataClasses: ['personal'],
    identify: { hosts: [`${name}.test`] },
    ...spec,
  };
  return {
    resource: { apiVersion: 'kintsugi.dev/v1alpha1', kind: 'Tenant', metadata: { name }, spec: whole },
    baseFolder: '/',
  };
}
const apply = (...documents: readonly object[]) => api.ask('POST /v1/apply', OWN_TOKEN, { documents, by: 'anna' });

test('who is applied alone cannot take the requests of one that is there', async () => {
  const keyed = (name: string) =>
    tenant(name, { identify: { hosts: [`${name}.test`], apiKeys: [{ name: 'one', sha256: KEY }] } });
  expect((await apply(keyed('clinic-de'))).status).toBe(200);
  const key = await apply(keyed('thief'));
  expect(key.status).toBe(422);
  expect(key.text).toContain(
    'Tenant/thief: spec.identify.apiKeys[0].sha256 the API key one is claimed by Tenant/clinic-de too',
  );
  const host = await apply(tenant('thief', { identify: { hosts: ['CLINIC-FR.test'] } }));
  expect(host.text).toContain('is claimed by Tenant/clinic-fr too');
  expect((await api.ask('GET /v1/export', OWN_TOKEN)).text).not.toContain('thief');
  // The same again takes nothing from anybody, and a key may go from one to the other in one step.
  expect((await apply(keyed('clinic-de'))).status).toBe(200);
  expect((await apply(tenant('clinic-de', {}), keyed('clinic-fr'))).status).toBe(200);
});

test('what an apply takes away is on record with it', async () => {
  expect((await apply(tenant('clinic-de', { profiles: [], regions: ['eu', 'us'] }))).status).toBe(200);
  const changes = (await api.recorded('resource.changed')).filter(({ subject }) => subject === 'Tenant/clinic-de');
  expect(changes.at(-1)).toMatchObject({
    data: { loosens: ['it no longer lives under gdpr', 'it may be in one more region: us'] },
  });
});
