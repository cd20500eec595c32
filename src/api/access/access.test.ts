import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ControlApi, OWN_TOKEN, startControlApi } from '../../../test/fixtures/control-api.ts';
import { diagnosisOf, planOf, stepOf } from '../../../test/sim/plans.ts';
import { systemClock as clock } from '../../base/clock.ts';
import { systemRandom as random } from '../../base/random.ts';
import { createPostgresqlMemory } from '../../heal/postgresql-memory.ts';
import { noteViolations } from '../violation-times.ts';
import { ACCESS, type Access } from './access-table.ts';
import { ROLE_NAMES, type Role } from './role.ts';

const [OWN, OTHER] = ['clinic-de', 'hospital-us'];

let api: ControlApi;
/** By role, for all tenants; and by role, for one. */
const tokens = new Map<string, string>();
/** Ids of what concerns both tenants, and of what concerns the other alone. */
const ids = { both: '', other: '', breach: '', otherBreach: '' };

const tokenOf = (role: Role, tenant: string | null = null) => tokens.get(`${role} ${tenant}`) ?? '';

async function makeToken(role: Role, tenant: string | null): Promise<{ id: string; secret: string }> {
  const body = { name: `${role}-of-${tenant ?? 'all'}`, role, for: tenant, days: 1, by: 'anna' };
  const made = await api.ask('POST /v1/tokens', OWN_TOKEN, body);
  expect(made.status).toBe(200);
  return JSON.parse(made.text) as { id: string; secret: string };
}

/** An incident that was about to be healed for these tenants. */
async function openIncident(name: string, tenants: readonly string[]): Promise<string> {
  const { database, control } = api;
  const memory = createPostgresqlMemory({ database, lease: control.lease, record: control.record, random });
  const subject = { kind: 'workload', name } as const;
  const summary = `${name} is slow for ${tenants.join(' and ')}`;
  const opened = await api.leading(() =>
    memory.openIncident(diagnosisOf('overload', subject, { summary }), clock.now()),
  );
  const step = stepOf({ move: 'throttle', effect: `${tenants.join(' and ')} wait` }, { tenants: [...tenants] });
  const plan = planOf({ id: `pln_${name}`, incident: opened.id, target: `workload ${name}`, steps: [step] });
  await api.leading(() => memory.beginRepair(`rep_${name}`, plan, []));
  return opened.id;
}

async function openBreach(tenants: readonly string[]): Promise<string> {
  const opening = {
    sign: `fact rls.enabled ${tenants.join()}`,
    cause: `confidentiality store ${tenants.join()}`,
    loss: 'confidentiality' as const,
    what: 'row-level security was off',
    tenants,
    detectedAt: clock.now(),
    incident: null,
    snapshot: { tenants: [...tenants] },
    duties: [],
    assessMs: 60_000,
    remindShare: 0.8,
    awareAfterMs: null,
  };
  return (await api.leading(() => api.control.breaches.open(opening))).assessment.id;
}

beforeAll(async () => {
  api = await startControlApi([OWN, OTHER]);
  for (const role of ROLE_NAMES) {
    for (const tenant of role === 'tenant' ? [OWN] : [null, OWN]) {
      tokens.set(`${role} ${tenant}`, (await makeToken(role, tenant)).secret);
    }
  }
  ids.both = await openIncident('records', [OWN, OTHER]);
  ids.other = await openIncident('payments', [OTHER]);
  ids.breach = await openBreach([OWN, OTHER]);
  ids.otherBreach = await openBreach([OTHER]);
  const turn = { framework: 'gdpr', control: 'gdpr-art35', from: null, to: 'not-satisfied', at: clock.now() } as const;
  const turns = [OWN, OTHER].map((tenant) => ({ ...turn, tenant }));
  await api.database.transaction((tx) => noteViolations(tx, turns));
});
afterAll(() => api?.close());

/** The route with something in every place of it, about this tenant. */
function filled(route: string, tenant: string, id = ids.both): string {
  const breach = id === ids.other ? ids.otherBreach : ids.breach;
  const path = route
    .replace('/breaches/:id', `/breaches/${breach}`)
    .replace('/tokens/:id', '/tokens/tok_none')
    .replace('/plans/:id', '/plans/pln_records')
    .replace(':tenant', tenant)
    .replace(':name', 'gdpr-art35')
    .replace(':version', '1')
    .replace(':id', id);
  return path.startsWith('GET /v1/standing') || path.startsWith('GET /v1/controls')
    ? `${path}?tenant=${tenant}&framework=gdpr&from=2026-01-01T00:00:00Z&to=2100-01-01T00:00:00Z`
    : path;
}

/** A body that a route accepts, about this tenant. */
function bodyOf(route: string, tenant: string): unknown {
  if (!route.startsWith('POST')) return undefined;
  if (route.endsWith('/gate')) return { questions: [{ move: 'dump', deeds: ['capture'] }] };
  if (route.endsWith('/reports')) return { tenant, framework: 'none', by: 'me' };
  return {};
}

const ROUTES = Object.entries(ACCESS);
const GUARDED = ROUTES.filter((each): each is [string, Access] => typeof each[1] === 'object');

test.each(ROUTES.filter(([, rule]) => rule !== 'open'))('%s is refused without a valid token', async (route, _rule) => {
  const body = bodyOf(route, OWN);
  for (const token of [undefined, 'wrong', `kin_tok_${'0'.repeat(40)}`, `${OWN_TOKEN}x`])
    expect((await api.ask(filled(route, OWN), token, body)).status).toBe(401);
  // Only the socket's own server may say so.
  expect((await api.ask(filled(route, OWN), undefined, body, { 'x-kintsugi-door': 'socket' })).status).toBe(401);
});

test.each(GUARDED)('%s is refused to every other role', async (route, { roles }) => {
  for (const role of ROLE_NAMES.filter((each) => !roles.includes(each))) {
    const token = role === 'tenant' ? tokenOf(role, OWN) : tokenOf(role);
    expect([role, (await api.ask(filled(route, OWN), token, bodyOf(route, OWN))).status]).toEqual([role, 403]);
  }
});

test.each(GUARDED.filter(([, { reach }]) => reach === 'all'))(
  '%s is refused to whoever is bound to one tenant',
  async (route, { roles }) => {
    for (const role of roles)
      expect((await api.ask(filled(route, OWN), tokenOf(role, OWN), bodyOf(route, OWN))).status).toBe(403);
  },
);

const OF_ONE = GUARDED.filter(([, { reach }]) => reach === 'own');

test.each(OF_ONE)('%s answers one tenant without the name of another', async (route, { roles }) => {
  for (const role of roles) {
    const { status, text } = await api.ask(filled(route, OWN), tokenOf(role, OWN), bodyOf(route, OWN));
    // The report is not made here: there is no ledger. What it says is read in test/e2e.
    expect([role, status]).toEqual([role, route.endsWith('/reports') ? 400 : 200]);
    expect(text).not.toContain(OTHER);
  }
});

test.each(OF_ONE)('%s tells one tenant nothing of what is another one alone', async (route, { roles }) => {
  const isNamed = /:tenant|controls|standing|reports/.test(route);
  const isOneThing = route.endsWith(':id');
  if (!isNamed && !isOneThing) return;
  for (const role of roles) {
    const { status, text } = await api.ask(filled(route, OTHER, ids.other), tokenOf(role, OWN), bodyOf(route, OTHER));
    expect([role, status]).toEqual([role, isNamed ? 403 : 404]);
    expect(text).not.toContain(OTHER);
  }
});

test('what is kept from one tenant is there for whoever is bound to none', async () => {
  const isThere = async (route: string) =>
    (await api.ask(filled(route, OWN), tokenOf('auditor'), bodyOf(route, OWN))).text.includes(OTHER);
  const routes = OF_ONE.map(([route]) => route).filter((route) => !/reports|controls|:tenant/.test(route));
  for (const route of routes) expect([route, await isThere(route)]).toEqual([route, true]);
});

test('a list holds only what concerns the tenant', async () => {
  const of = async (route: string, token: string) => JSON.parse((await api.ask(route, token)).text) as never;
  const own: { incidents: { id: string; summary: string }[] } = await of('GET /v1/incidents', tokenOf('tenant', OWN));
  expect(own.incidents.map(({ id }) => id)).toEqual([ids.both]);
  expect(own.incidents[0]?.summary).toBe(`records is slow for ${OWN} and another tenant`);
  const breaches: { breaches: { id: string }[] } = await of('GET /v1/breaches', tokenOf('auditor', OWN));
  expect(breaches.breaches.map(({ id }) => id)).toEqual([ids.breach]);
  const posture: { rows: { tenant: string }[] } = await of('GET /v1/posture', tokenOf('service', OWN));
  expect(posture.rows.map(({ tenant }) => tenant)).toEqual([OWN]);
});

test('a token that has expired or was revoked opens nothing', async () => {
  const { id, secret } = await makeToken('auditor', null);
  expect((await api.ask('GET /v1/posture', secret)).status).toBe(200);
  await api.database.kysely
    .updateTable('api_token')
    .set({ expires_at: '2020-01-01T00:00:00Z' })
    .where('id', '=', id)
    .execute();
  expect((await api.ask('GET /v1/posture', secret)).status).toBe(401);
  const second = await makeToken('auditor', null);
  expect((await api.ask(`POST /v1/tokens/${second.id}/revoke`, OWN_TOKEN, { by: 'anna' })).status).toBe(200);
  expect((await api.ask('GET /v1/posture', second.secret)).status).toBe(401);
  const listed = await api.ask('GET /v1/tokens', OWN_TOKEN);
  expect(listed.text).not.toContain(secret);
  expect(JSON.parse(listed.text)).toMatchObject({
    tokens: expect.arrayContaining([expect.objectContaining({ id: second.id, state: 'revoked' })]),
  });
  expect((await api.recorded('token.revoked')).map(({ subject }) => subject)).toContain(second.id);
});

test('the clocks of losses are in the metrics', async () => {
  const { text } = await api.ask('GET /metrics', tokenOf('service'));
  expect(text).toMatch(/^kintsugi_breach_clock_remaining_seconds\{tenant="",regulation="",stage="assess"\} \d/m);
  expect(text).toContain('kintsugi_breach_assessments{state="open"} 2');
});

test('the clocks of losses that run are in the status, and of one tenant only its own', async () => {
  interface Clocks {
    breachClocks: { breach: string; clock: string; tenants: string[]; leftMs: number }[];
  }
  const clocksFor = async (token: string) =>
    (JSON.parse((await api.ask('GET /v1/status', token)).text) as Clocks).breachClocks;
  const all = await clocksFor(tokenOf('auditor'));
  expect(all.map(({ breach, clock }) => [breach, clock])).toEqual([
    [ids.breach, 'assess'],
    [ids.otherBreach, 'assess'],
  ]);
  expect(all[0]?.leftMs).toBeLessThanOrEqual(60_000);
  const own = await clocksFor(tokenOf('tenant', OWN));
  expect(own.map(({ breach, tenants }) => [breach, tenants])).toEqual([[ids.breach, [OWN]]]);
});

test('only digests of tokens are kept', async () => {
  const rows = JSON.stringify(await api.database.kysely.selectFrom('api_token').selectAll().execute());
  for (const secret of tokens.values()) expect(rows).not.toContain(secret);
});

test('who acts with a token acts under its name, whatever the body says', async () => {
  await api.ask('POST /v1/stop', tokenOf('operator'), { scope: 'global', reason: 'for a test', by: 'somebody-else' });
  const [stop] = await api.recorded('stop.set');
  expect(stop).toMatchObject({ actor: { name: 'operator-of-all' } });
});

test('every refusal is on record, equal ones with their number', async () => {
  const before = (await api.recorded('access.refused')).length;
  for (let knock = 0; knock < 3; knock += 1) await api.ask('POST /v1/apply', tokenOf('tenant', OWN), {});
  await expect
    .poll(async () => (await api.recorded('access.refused')).length, { timeout: 10_000 })
    .toBeGreaterThan(before);
  await expect
    .poll(
      async () =>
        (await api.recorded('access.refused'))
          .filter(({ subject, tenant }) => subject === 'POST /v1/apply' && tenant === OWN)
          .filter(({ actor }) => (actor as { kind: string }).kind === 'tenant')
          .reduce((sum, { data }) => sum + (data as { count: number }).count, 0),
      { timeout: 10_000 },
    )
    .toBeGreaterThanOrEqual(3);
});
