import { ACCOUNTS } from '../../examples/clinic/traffic/accounts.ts';
import { type Answer, TenantClient } from '../../examples/clinic/traffic/client.ts';
import type { Report } from '../../examples/clinic/traffic/tally.ts';
import { systemClock as clock } from '../../src/base/clock.ts';
import { type Program, until } from './program.ts';
import type { Stack } from './stack.ts';

const TENANTS = 3;

/** What the clinic's clients saw. */
export interface LoadReport {
  readonly total: Report;
  readonly tenants: Readonly<Record<string, Report>>;
}

/** A light load of the clinic's clients beside a fault. */
export class ClinicLoad {
  /** Wall time in milliseconds. */
  readonly startedAt: number;
  readonly #program: Program;

  private constructor(program: Program) {
    this.#program = program;
    this.startedAt = clock.now();
  }

  /** Resolves when requests of every tenant are being served. */
  static async start(stack: Stack): Promise<ClinicLoad> {
    const args = ['--gateway', stack.gateway, '--rate', '40', '--json'];
    const load = new ClinicLoad(stack.client('examples/clinic/traffic.ts', args));
    await until('requests of all tenants are served', async () => {
      const { tenants } = await stack.status();
      return tenants.filter(({ requestsPerSecond }) => requestsPerSecond > 2).length === TENANTS;
    });
    return load;
  }

  /** Ends the load. Requests that were still under way count as unfinished. */
  async stop(): Promise<LoadReport> {
    this.#program.child.kill('SIGTERM');
    await this.#program.ended;
    const text = this.#program.out();
    if (!text.startsWith('{')) throw new Error(`the load reported nothing: ${text}${this.#program.err()}`);
    return JSON.parse(text) as LoadReport;
  }
}

/** What no fault excuses. */
export const UNHARMED = { failedIdempotent: 0, unsent: 0, leaks: 0, missing: 0, stale: 0 } as const;

/** Reads of one tenant, all at once and over new connections. */
export function readAtOnce(stack: Stack, tenant: string, count: number): readonly Promise<Answer>[] {
  const account = ACCOUNTS.find((each) => each.tenant === tenant);
  if (!account) throw new Error(`there is no account of ${tenant}`);
  const client = new TenantClient(stack.gateway, account, false);
  const answers = Array.from({ length: count }, () => client.send({ method: 'GET', path: '/records?limit=1' }));
  void Promise.all(answers).then(() => client.close());
  return answers;
}
