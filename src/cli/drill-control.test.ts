import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { runCommand } from '../../test/fixtures/command-line.ts';
import { systemClock as clock, toIso } from '../base/clock.ts';
import { Redacted } from '../base/redacted.ts';
import { seededRandom } from '../base/random.ts';
import { listenOnSocket } from '../base/socket-http.ts';
import { openStateDirectory, type StateDirectory } from '../base/state-directory.ts';
import { Posture } from '../comply/posture.ts';
import { CollectorRounds } from '../observe/collector-rounds.ts';
import type { Collector } from '../observe/collector.ts';
import type { PostgresPlace } from '../observe/facts/postgres-place.ts';
import { postgresqlGrants } from '../observe/facts/postgresql-grants.ts';
import { postgresqlIsolation } from '../observe/facts/postgresql-isolation.ts';
import { loggedCardNumbers } from '../observe/facts/card-numbers.ts';
import { builtinProfiles } from '../resources/builtin-profiles.ts';
import { compileProfile } from '../resources/profile.ts';
import { SCHEMAS } from '../resources/resource.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../store/throwaway-postgres.ts';
import type { DrillResult } from './drill-fault.ts';

const ADMIN = 'admin-password';
const HOST = '127.0.0.1';
const PORT = 20_000 + (process.pid % 10_000);
const random = seededRandom(11);

const SCHEMA = `
  create role notes_owner; create role notes_app login password 'app-password';
  create schema notes authorization notes_owner; grant usage on schema notes to notes_app; set role notes_owner;
  create table notes.notes (tenant text not null, id text not null, primary key (tenant, id));
  alter table notes.notes enable row level security; alter table notes.notes force row level security;
  create policy own on notes.notes using (tenant = current_setting('app.tenant', true));
  grant select, insert, update, delete on notes.notes to notes_app; reset role;`;

const place: PostgresPlace = {
  subject: 'postgresql/notes/eu',
  tenants: ['shop'],
  host: HOST,
  port: PORT,
  database: 'kintsugi',
  schema: 'notes',
  tables: ['notes'],
  admin: { user: 'kintsugi', password: new Redacted(ADMIN) },
  role: { user: 'notes_app', password: new Redacted('app-password') },
  privileges: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  operators: [],
  rowSecurity: true,
};

const WORKLOAD = SCHEMAS.Workload.parse({
  apiVersion: 'kintsugi.dev/v1alpha1',
  kind: 'Workload',
  metadata: { name: 'web' },
  spec: {
    artefact: { path: '.' },
    command: ['true'],
    instances: { eu: 1 },
    route: { pathPrefix: '/notes' },
    stores: [
      {
        name: 'notes',
        kind: 'postgresql',
        server: 'database',
        database: 'kintsugi',
        admin: { user: 'kintsugi', secret: 'admin' },
        role: { user: 'notes_app', secret: 'app' },
        tables: ['notes'],
        privileges: place.privileges,
        protections: ['row-level-security'],
      },
    ],
  },
});

let database: ThrowawayPostgres;
let admin: Client;
let root: string;
let state: StateDirectory;
let control: Server;
let rounds: CollectorRounds;
let posture: Posture;
let recorded: DrillResult[];

beforeAll(async () => {
  database = await startThrowawayPostgres({ port: PORT, host: HOST, passwordEnv: 'ADMIN' }, { ADMIN });
  admin = new Client({ host: HOST, port: PORT, user: 'kintsugi', database: 'kintsugi', password: ADMIN });
  await admin.connect();
  await admin.query(SCHEMA);
}, 60_000);

afterAll(async () => {
  await admin.end();
  await database.close();
});

/** Real collectors on the real database, the real profiles over what they say, and as much of control as a drill asks. */
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'kin-dc-'));
  state = openStateDirectory(join(root, 's'));
  writeFileSync(join(state.secrets, 'admin'), ADMIN);
  recorded = [];
  posture = new Posture();
  const terms = { name: 'shop', regions: ['eu'], processors: [], dataClasses: ['payment'], availability: 0.99 };
  const frameworks = builtinProfiles().map((profile) => compileProfile(profile));
  const obliged = {
    terms: { ...terms, rtoMs: undefined, rpoMs: undefined },
    frameworks: ['pci-dss-4.0.1'],
    contract: [],
  };
  posture.declare({ tenants: [obliged as never], frameworks, deviations: [] }, clock.now());
  const listener = {
    onReport: ({ name }: Collector, facts: Parameters<Posture['report']>[1]) =>
      void posture.report(name, facts, clock.now()),
    onBlind: ({ facts }: Collector, reason: string) => posture.blind(facts, reason),
  };
  rounds = new CollectorRounds({ clock, random, listener });
  const places = () => [place];
  const collectors = [
    postgresqlIsolation({ places, clock, random }),
    postgresqlGrants({ places, clock }),
    loggedCardNumbers({ folder: state.logs, clock }),
  ];
  rounds.start(collectors.map((each) => ({ ...each, everyMs: 100 })));
  control = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    response.end(JSON.stringify(answer(request.url ?? '', Buffer.concat(chunks).toString())));
  });
  await listenOnSocket(control, state.socket('control'));
  while (resultOf('pci-A1.1.2') !== 'unknown') await clock.sleep(20);
});

afterEach(async () => {
  rounds.close();
  control.closeAllConnections();
  await new Promise((resolve) => control.close(resolve));
  rmSync(root, { recursive: true, force: true });
});

function resultOf(control: string) {
  const result = posture.result('shop', control, clock.now());
  return result?.reasons.some(({ collector }) => collector !== null) ? result.status : undefined;
}

function answer(url: string, body: string): unknown {
  const now = clock.now();
  if (url.startsWith('/v1/incidents')) return { incidents: [] };
  if (url === '/v1/export') return { documents: [WORKLOAD] };
  if (url === '/v1/posture') return { at: toIso(now), rows: [{ tenant: 'shop' }], unjudged: [] };
  if (url === '/v1/posture/shop') {
    const results = posture.results('shop', 'pci-dss-4.0.1', now).map((result) => ({
      ...result,
      control: result.control.id,
      clause: result.control.clause,
      reasons: result.reasons.map((reason) => ({
        ...reason,
        measuredAt: reason.measuredAt === null ? null : toIso(reason.measuredAt),
      })),
    }));
    return { results };
  }
  if (url === '/v1/drills') {
    recorded.push(JSON.parse(body).result);
    return { id: 'drl_1' };
  }
  const instance = { id: 'database-eu-0-a', region: 'eu', role: 'occupant', ready: true, host: HOST, port: PORT };
  return { leading: true, stops: [], incidents: [], workloads: [{ name: 'database', instances: [instance] }] };
}

async function drill(...words: string[]) {
  const ended = await runCommand(['drill', ...words, '--json'], {
    stateDefault: state.root,
    env: { USER: 'anna' },
    clock,
    random,
  });
  return { ...ended, result: ended.stdout ? (JSON.parse(ended.stdout) as DrillResult) : undefined };
}

/** How row-level security, views and grants of the table stand. */
async function standing() {
  const { rows } = await admin.query(`
    select relrowsecurity and relforcerowsecurity as guarded,
      has_table_privilege('notes_app', oid, 'TRUNCATE') as may_truncate,
      (select count(*)::int from pg_views where schemaname = 'notes') as views
    from pg_class where oid = 'notes.notes'::regclass`);
  return rows[0];
}
const SOUND = { guarded: true, may_truncate: false, views: 0 };

test.each([
  ['rls-dropped', 'pci-A1.1.2', 'isolation.sql.foreignRows'],
  ['rls-bypassed', 'pci-A1.1.2', 'rls.views.bypassing'],
  ['surplus-grant', 'pci-7.3.3', 'access.grants.surplus'],
])('%s is found, named by its clause, and taken back', { timeout: 60_000 }, async (fault, control, fact) => {
  const { code, result } = await drill(fault, 'notes/eu', '--timeout', '20', '--incident-within', '0');
  const found = result?.controls.find((each) => each.control === control);
  expect({ code, outcome: result?.outcome, target: result?.target }).toEqual({
    code: 0,
    outcome: 'detected',
    target: 'store notes/eu',
  });
  expect(found).toMatchObject({ tenant: 'shop', clause: control.replace('pci-', ''), turned: true });
  expect(found?.reason).toContain(`${fact} of store postgresql/notes/eu is`);
  expect(found?.restoredMs).toBeGreaterThanOrEqual(found?.violatedMs ?? Number.NaN);
  expect(await standing()).toEqual(SOUND);
  expect(existsSync(join(state.root, 'drill.json'))).toBe(false);
  expect(recorded).toMatchObject([{ fault, outcome: 'detected' }]);
});

test('a fault that nobody finds is taken back all the same: exit code 1', async () => {
  rounds.close();
  const { code, result } = await drill('surplus-grant', '--timeout', '1');
  expect({ code, outcome: result?.outcome, controls: result?.controls }).toEqual({
    code: 1,
    outcome: 'undetected',
    controls: [],
  });
  expect(await standing()).toEqual(SOUND);
});

test('what a drill left that was killed is taken back before the next one begins', async () => {
  await admin.query('grant truncate on notes.notes to notes_app');
  const door = { host: HOST, port: PORT, database: 'kintsugi', user: 'kintsugi', secret: 'admin' };
  const undo = { kind: 'sql', door, statements: ['revoke truncate on notes.notes from notes_app'] };
  writeFileSync(join(state.root, 'drill.json'), JSON.stringify({ fault: 'surplus-grant', undo }));
  const { code, stderr } = await drill('rls-dropped', 'nobody/eu');
  expect({ code, standing: await standing() }).toEqual({ code: 75, standing: SOUND });
  expect(stderr).toContain('no store nobody/eu; there are notes/eu');
  expect(existsSync(join(state.root, 'drill.json'))).toBe(false);
});

test('while one drill is under way no other begins, and its fault is left alone', async () => {
  const statements = ['revoke truncate on notes.notes from notes_app'];
  const door = { host: HOST, port: PORT, database: 'kintsugi', user: 'kintsugi', secret: 'admin' };
  const note = { fault: 'surplus-grant', undo: { kind: 'sql', door, statements }, pid: process.pid };
  await admin.query('grant truncate on notes.notes to notes_app');
  writeFileSync(join(state.root, 'drill.json'), JSON.stringify(note));
  const { code, stderr } = await drill('rls-dropped');
  expect({ code, standing: await standing() }).toEqual({ code: 75, standing: { ...SOUND, may_truncate: true } });
  expect(stderr).toContain('another drill is under way: surplus-grant');
  await admin.query(statements[0]!);
});

test('a fault that could not be told from one that is there is not begun', async () => {
  await admin.query('create view notes.report as select * from notes.notes; grant select on notes.report to notes_app');
  while (resultOf('pci-A1.1.2') !== 'not-satisfied') await clock.sleep(20);
  const { code, stderr } = await drill('rls-bypassed');
  await admin.query('drop view notes.report');
  expect(code).toBe(75);
  expect(stderr).toContain('could not be told from what is there already');
});
