import { InvalidArgumentError, Option, type Command } from 'commander';
import type { TokenView } from '../api/access/token-store.ts';
import { ROLES, ROLE_NAMES, type Role } from '../api/access/role.ts';
import type { Binder, Invocation } from './invocation.ts';
import { declareKey } from './key.ts';
import { wholeNumber } from './number-option.ts';
import { paintWord } from './paint.ts';
import { renderTable } from './table.ts';

const DAYS_MAX = 366;
const DAYS_DEFAULT = 90;

interface CreateOptions {
  readonly role: Role;
  readonly tenant?: string;
  readonly days: number;
  readonly by?: string;
}

/** What opens doors: API keys of tenants for the gateway, and tokens for the API. */
export function declareAccess(program: Command, binder: Binder): void {
  declareKey(program, binder);
  declareToken(program, binder);
}

function declareToken(program: Command, binder: Binder): void {
  const token = program
    .command('token')
    .description('tokens of the HTTP API, each of one role and for all tenants or one');
  const roles = ROLE_NAMES.map((role) => `  ${role.padEnd(9)} ${ROLES[role]}`).join('\n');
  const create = token
    .command('create')
    .description('make a token: printed once, kept nowhere; only its digest is')
    .argument('<name>', 'whose it is: what it does is on record under this name', named)
    .addOption(new Option('--role <role>', 'what it is for').choices(ROLE_NAMES).makeOptionMandatory())
    .option('--tenant <name>', 'the one tenant that it is for; all when left out')
    .option('--days <number>', 'how long it opens anything', wholeNumber(1, DAYS_MAX), DAYS_DEFAULT)
    .option('--by <name>', 'who makes it, for the record')
    .addHelpText(
      'after',
      `\nRoles:\n${roles}\n\nIn this directory's own shell no token is needed. Elsewhere:\n  KINTSUGI_API=http://127.0.0.1:7070 KINTSUGI_TOKEN=kin_tok_... kintsugi posture`,
    );
  binder.bind<CreateOptions>(create, (invocation, options, name = '') => runCreate(invocation, options, name));
  const list = token.command('list').description('every token, newest first; without its secret, which nobody has');
  binder.bind(list, runList);
  const revoke = token
    .command('revoke')
    .description('end a token at once')
    .argument('<id>', 'as `token list` shows it')
    .option('--by <name>', 'who ends it, for the record');
  binder.bind<{ by?: string }>(revoke, async (invocation, { by }, id = '') => {
    await invocation.ask('POST', `/v1/tokens/${encodeURIComponent(id)}/revoke`, { by: invocation.actor(by) });
    invocation.print({ id, state: 'revoked' }, () => `${id} is revoked: it opens nothing any more\n`);
  });
}

function named(text: string): string {
  if (text.trim() !== '' && text.length <= 100) return text;
  throw new InvalidArgumentError('must have 1 to 100 characters.');
}

async function runCreate(invocation: Invocation, options: CreateOptions, name: string): Promise<void> {
  const { role, tenant = null, days, by } = options;
  const body = { name, role, for: tenant, days, by: invocation.actor(by) };
  const { id, secret } = await invocation.ask<{ id: string; secret: string }>('POST', '/v1/tokens', body);
  invocation.print({ id, token: secret, name, role, tenant, days }, () =>
    [
      'The token, for whoever uses it; it is not shown again:',
      `  ${secret}`,
      `${id}: ${role} of ${tenant ?? 'all tenants'}, for ${days} days. End it with: kintsugi token revoke ${id}`,
      '',
    ].join('\n'),
  );
}

async function runList(invocation: Invocation): Promise<void> {
  const { tokens } = await invocation.ask<{ tokens: readonly TokenView[] }>('GET', '/v1/tokens');
  const { paint } = invocation;
  const rows = tokens.map(({ id, name, role, tenant, state, expiresAt, createdBy }) => [
    id,
    name,
    role,
    tenant ?? 'all',
    paintWord(paint, state),
    expiresAt.slice(0, 10),
    createdBy,
  ]);
  const columns = ['token', 'name', 'role', 'for', 'state', 'expires', 'made by'].map((title) => ({ title }));
  invocation.print({ tokens }, () => (rows.length === 0 ? 'there are no tokens\n' : renderTable(columns, rows)));
}
