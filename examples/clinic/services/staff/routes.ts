import { hash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Problem } from '../kit/problem.ts';
import type { AccountStore } from './account-store.ts';
import type { Rules } from './rules.ts';
import type { SessionStore } from './session-store.ts';

const name = { type: 'string', pattern: '^[A-Za-z0-9._-]{1,64}$' } as const;
const password = { type: 'string', minLength: 1, maxLength: 128 } as const;
const params = { type: 'object', required: ['name'], properties: { name } } as const;

function body(properties: Readonly<Record<string, object>>) {
  return { type: 'object', required: Object.keys(properties), additionalProperties: false, properties } as const;
}

interface Named {
  Params: { name: string };
}

function bearerOf(request: FastifyRequest): string {
  const [, token = ''] = /^Bearer (\S{1,512})$/.exec(request.headers.authorization ?? '') ?? [];
  return token;
}

function isSame(one: string, other: string): boolean {
  return timingSafeEqual(hash('sha256', one, 'buffer'), hash('sha256', other, 'buffer'));
}

/** The endpoints below `/staff`. What is wrong with a login is told to nobody: not even that an account is locked. */
export function registerRoutes(
  app: FastifyInstance,
  accounts: AccountStore,
  sessions: SessionStore,
  rules: Rules,
): void {
  const provisioner = async (request: FastifyRequest) => {
    if (!isSame(bearerOf(request), rules.PROVISIONING_SECRET))
      throw new Problem(401, 'Not allowed', 'Accounts are made by the directory of the clinic.');
  };
  const user = async (request: FastifyRequest): Promise<string> => {
    const account = await sessions.use(request.tenant, bearerOf(request));
    if (account === undefined) throw new Problem(401, 'No session', 'Log in.');
    return account;
  };

  app.put<Named & { Body: { password: string } }>(
    '/staff/accounts/:name',
    { schema: { params, body: body({ password }) }, onRequest: provisioner },
    async (request, reply) => {
      await accounts.put(request.tenant, request.params.name, request.body.password);
      await sessions.endAll(request.tenant, request.params.name);
      return reply.code(204).send();
    },
  );
  app.delete<Named>('/staff/accounts/:name', { schema: { params }, onRequest: provisioner }, async (request, reply) => {
    await accounts.remove(request.tenant, request.params.name);
    return reply.code(204).send();
  });
  app.post<{ Body: { account: string; password: string } }>(
    '/staff/sessions',
    { schema: { body: body({ account: name, password }) } },
    async (request, reply) => {
      const { account, password: given } = request.body;
      if (!(await accounts.enters(request.tenant, account, given)))
        throw new Problem(401, 'Not let in', 'Name or password is wrong, or the account is locked.');
      return reply.code(201).send({ token: await sessions.begin(request.tenant, account) });
    },
  );
  app.get('/staff/me', (request) => user(request).then((account) => ({ account })));
  app.delete('/staff/session', async (request, reply) => {
    await sessions.end(request.tenant, bearerOf(request));
    return reply.code(204).send();
  });
  app.put<{ Body: { present: string; next: string } }>(
    '/staff/password',
    { schema: { body: body({ present: password, next: password }) } },
    async (request, reply) => {
      const account = await user(request);
      await accounts.change(request.tenant, account, request.body.present, request.body.next);
      await sessions.endAll(request.tenant, account);
      return reply.code(204).send();
    },
  );
}
