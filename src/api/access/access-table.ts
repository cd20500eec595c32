import type { Role } from './role.ts';

/** Who may use a route. What is not in the table does not exist: a route without its line keeps the API from starting. */
export interface Access {
  readonly roles: readonly Role[];
  /** `all`: only who is bound to no tenant. `own`: who is bound to one too, and is answered about that one alone. */
  readonly reach: 'all' | 'own';
}

/** `open`: for everybody. `inside`: only by the socket in the state directory. */
export type Rule = Access | 'open' | 'inside';

const READ: readonly Role[] = ['operator', 'approver', 'auditor'];
const OPERATE: Access = { roles: ['operator'], reach: 'all' };
const READ_ALL: Access = { roles: READ, reach: 'all' };
const READ_OWN: Access = { roles: [...READ, 'tenant'], reach: 'own' };
const SAY: Access = { roles: ['operator', 'approver'], reach: 'all' };
const SUBMIT: Access = { roles: ['operator', 'service'], reach: 'all' };

/** Every route of the API, and who may use it. */
export const ACCESS: Readonly<Record<string, Rule>> = {
  'GET /livez': 'open',
  'GET /readyz': 'open',
  'GET /openapi.json': READ_ALL,
  'GET /metrics': { roles: [...READ, 'service'], reach: 'all' },
  'POST /v1/telemetry': 'inside',

  'GET /v1/status': READ_OWN,
  'GET /v1/incidents': READ_OWN,
  'GET /v1/incidents/:id': READ_OWN,
  'GET /v1/explain': READ_ALL,
  'GET /v1/repairs': READ_ALL,
  'GET /v1/trust': READ_ALL,
  'GET /v1/parts': READ_ALL,
  'GET /v1/plans/:id': READ_ALL,
  'POST /v1/approve': SAY,
  'POST /v1/reject': SAY,
  'POST /v1/cancel': OPERATE,
  'POST /v1/pardon': OPERATE,

  'GET /v1/posture': { roles: [...READ, 'tenant', 'service'], reach: 'own' },
  'GET /v1/posture/:tenant': { roles: [...READ, 'tenant', 'service'], reach: 'own' },
  'GET /v1/controls/:name': READ_OWN,
  'GET /v1/standing': READ_OWN,
  'POST /v1/gate': { roles: [...READ, 'tenant', 'service'], reach: 'own' },
  'POST /v1/evidence': { roles: ['operator', 'auditor'], reach: 'all' },
  'POST /v1/reports': { roles: ['operator', 'auditor', 'tenant'], reach: 'own' },

  'GET /v1/breaches': READ_OWN,
  'GET /v1/breaches/:id': READ_OWN,
  'POST /v1/breaches/:id/words': SAY,
  'GET /v1/duties': READ_ALL,
  'POST /v1/duties/:id/sign': SAY,
  'GET /v1/drills': READ_ALL,
  'GET /v1/drills/:id': READ_ALL,
  'POST /v1/drills': SUBMIT,
  'GET /v1/records': READ_ALL,
  'POST /v1/records': OPERATE,
  'POST /v1/records/:id/withdraw': OPERATE,
  'POST /v1/register': { roles: ['operator', 'auditor'], reach: 'all' },
  'GET /v1/register/:version': READ_ALL,

  'GET /v1/export': READ_ALL,
  'POST /v1/plan': SUBMIT,
  'POST /v1/apply': SUBMIT,
  'POST /v1/stop': OPERATE,
  'POST /v1/resume': OPERATE,

  'GET /v1/tokens': OPERATE,
  'POST /v1/tokens': OPERATE,
  'POST /v1/tokens/:id/revoke': OPERATE,
};

/** The line of a route; a HEAD is a GET without its body. Undefined for what is no route of ours. */
export function ruleOf(method: string, url: string | undefined): Rule | undefined {
  const key = `${method === 'HEAD' ? 'GET' : method} ${url}`;
  return Object.hasOwn(ACCESS, key) ? ACCESS[key] : undefined;
}
