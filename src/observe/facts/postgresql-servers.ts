import type { Client } from 'pg';
import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import { Redacted } from '../../base/redacted.ts';
import type { Collector } from '../collector.ts';
import { counted, placeCollector, reasonOf, unknown } from './place-collector.ts';
import { inSession, type Login, rowsOf } from './postgres-place.ts';
import type { RegionalStore } from './tenant-stores.ts';

/** A PostgreSQL server, entered by way of one of its stores. */
interface Server extends RegionalStore {
  /** Of all stores on it. */
  readonly roles: readonly Login[];
}

export interface PostgresqlServersOptions {
  readonly stores: () => readonly RegionalStore[];
  readonly clock: Clock;
  readonly random: Random;
}

/** Each try stands in the log of the server as a failure. */
const TRY_MS = 300_000;

/** Who got in, when it was tried last. */
interface Tried {
  readonly at: number;
  readonly accepted: readonly string[];
}

/** A name and a password that everybody knows. */
const DEFAULTS = [
  ['postgres', 'postgres'],
  ['postgres', 'password'],
  ['postgres', ''],
  ['admin', 'admin'],
] as const;

/** A wrong password, a role that is not there, and one that pg_hba.conf does not let in. */
const REFUSED = new Set(['28P01', '28000']);

/**
 * How each server keeps its door and its log: whether a role of an application gets in with a password that was made up
 * (`trust` in pg_hba.conf), whose password is kept as MD5, which is as good as the password to whoever reads it, and by which
 * settings values of statements come into the log of the server. What is made up is tried every five minutes, and at once when
 * the files of the server say `trust`; the right password follows it, so that nobody who counts failures locks the role out.
 * Nothing is proven of other ways to log in, of a log that an extension writes, and of values that an application writes out in
 * its statements, which stand in the log of errors too.
 */
export function postgresqlServers({ stores, clock, random }: PostgresqlServersOptions): Collector {
  const tried = new Map<string, Tried>();
  return placeCollector({
    name: 'postgresql-servers',
    facts: ['auth.probe.accepted', 'auth.secrets.readable', 'personal.logs.statements'],
    everyMs: 60_000,
    timeoutMs: 120_000,
    placeMs: 20_000,
    places: () => serversOf(stores()),
    clock,
    look: async (server, signal) => {
      const before = tried.get(server.subject);
      const isDue = !before || before.accepted.length > 0 || clock.now() - before.at >= TRY_MS;
      if (isDue || (await mayTrust(server, signal))) {
        tried.set(server.subject, { at: clock.now(), accepted: await acceptedOn(server, random, signal) });
      }
      const { accepted } = tried.get(server.subject)!;
      const logged = new Set<string>();
      for (const role of server.roles) {
        for (const each of await inSession(server, role, signal, loggedBy)) logged.add(each);
      }
      const weak = await inSession(server, server.admin, signal, keptAsMd5).catch(reasonOf);
      const readings = {
        'auth.probe.accepted': counted(accepted),
        'auth.secrets.readable': typeof weak === 'string' ? unknown(weak) : counted(weak),
        'personal.logs.statements': counted([...logged].toSorted()),
      };
      return { readings, transcript: { accepted, weak, logged: [...logged] } };
    },
  });
}

/**
 * Logs in to each server with names and passwords of vendors, and as each application with its own name for a password. A
 * few attempts an hour: below what locks accounts. Who gets in with any password is no default account: `postgresqlServers`
 * tells of it.
 */
export function defaultAccounts({ stores, clock, random }: PostgresqlServersOptions): Collector {
  return placeCollector({
    name: 'default-accounts',
    facts: ['auth.accounts.default'],
    everyMs: 3_600_000,
    timeoutMs: 300_000,
    placeMs: 20_000,
    places: () => serversOf(stores()),
    clock,
    look: async (server, signal) => {
      const accepted = new Set<string>();
      for (const [user, password] of [...DEFAULTS, ...server.roles.map((role) => [role.user, role.user] as const)]) {
        if (!(await isAccepted(server, { user, password: new Redacted(password) }, signal))) continue;
        if (!(await isAccepted(server, madeUpFor(user, random), signal))) accepted.add(user);
      }
      return { readings: { 'auth.accounts.default': counted([...accepted]) }, transcript: [...accepted] };
    },
  });
}

function madeUpFor(user: string, random: Random): Login {
  return { user, password: new Redacted(`kintsugi-canary-${random.token(16)}`) };
}

function serversOf(stores: readonly RegionalStore[]): readonly Server[] {
  const byServer = Map.groupBy(stores, ({ server, region }) => `postgresql/${server}/${region}`);
  return [...byServer].map(([subject, [first, ...others]]) => {
    const roles = new Map([first!, ...others].flatMap(({ role }) => (role ? [[role.user, role]] : [])));
    return { ...first!, subject, roles: [...roles.values()] };
  });
}

async function acceptedOn(server: Server, random: Random, signal: AbortSignal): Promise<readonly string[]> {
  const accepted: string[] = [];
  for (const { user } of server.roles) {
    if (await isAccepted(server, madeUpFor(user, random), signal))
      accepted.push(`${user} with a password that was made up`);
  }
  return accepted;
}

/** Only who may read the files of the server sees it there. */
async function mayTrust(server: Server, signal: AbortSignal): Promise<boolean> {
  const text = `select from pg_hba_file_rules where auth_method = 'trust' and type like 'host%'`;
  const rules = inSession(server, server.admin, signal, (client) => rowsOf(client, text));
  return (await rules.catch(() => [])).length > 0;
}

async function isAccepted(server: Server, login: Login, signal: AbortSignal): Promise<boolean> {
  try {
    return await inSession(server, login, signal, async () => true);
  } catch (error) {
    // Without a password the client itself gives up, when the server asks for one.
    if (REFUSED.has((error as { code?: string }).code ?? '') || login.password.reveal() === '') return false;
    throw error;
  }
}

async function keptAsMd5(client: Client): Promise<readonly string[]> {
  const text = `select rolname as name from pg_authid where rolcanlogin and rolpassword like 'md5%' order by 1`;
  return (await rowsOf<{ name: string }>(client, text)).map(({ name }) => `the MD5 of the password of ${name}`);
}

/** Settings under which a session of the role has values of its statements written to the log. */
const LOGGING = `
  with s as (select name, setting, case when setting ~ '^-?[0-9]+([.][0-9]+)?$' then setting::float8 end as n from pg_settings)
  select name || ' = ' || setting as name from s
  where name = 'log_statement' and setting in ('mod', 'all')
     or (name in ('log_min_duration_statement', 'log_min_duration_sample') and n >= 0 or name = 'log_transaction_sample_rate' and n > 0)
        and exists (select from s where name = 'log_parameter_max_length' and n <> 0)
     or name = 'log_parameter_max_length_on_error' and n <> 0
     or name = 'pgaudit.log_parameter' and setting = 'on'
     or name = 'auto_explain.log_min_duration' and n >= 0
        and exists (select from s where name = 'auto_explain.log_parameter_max_length' and n <> 0)
  order by 1`;

async function loggedBy(client: Client): Promise<readonly string[]> {
  return (await rowsOf<{ name: string }>(client, LOGGING)).map(({ name }) => name);
}
