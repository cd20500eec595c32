import type { SocketClient } from '../base/socket-http.ts';
import type { Keeper } from '../drivers/process/keeper.ts';
import type { Status } from './answers.ts';
import type { CliContext } from './context.ts';
import type { LiveStatus } from './live-status.ts';

const STATUS_MS = 500;

/** Shows the status, and a line for each thing that happened, until the keeper ends. */
export async function watchStack(
  context: CliContext,
  control: SocketClient,
  keeper: Keeper,
  live: LiveStatus,
  signal: AbortSignal,
): Promise<void> {
  keeper.onEvent(({ type, child }) => {
    if (type === 'adopted') live.line(`adopted ${child.id} (pid ${child.pid})`);
    else if (type === 'exited' && child.exit && !child.exit.expected) {
      live.line(`${child.id} ended (${child.exit.signal ?? `code ${child.exit.code ?? 'unknown'}`})`);
    }
  });
  const told = new Map<string, string>();
  while (!signal.aborted) {
    const status = await control.call<Status>('GET', '/v1/status').catch(() => undefined);
    if (status) {
      live.update(status);
      await tellIncidents(control, told, live).catch(() => undefined);
    }
    await context.clock.sleep(STATUS_MS, signal).catch(() => undefined);
  }
}

interface Told {
  readonly id: string;
  readonly state: string;
  readonly outcome: string | null;
  readonly summary: string;
  readonly refusal: { readonly guards: readonly { readonly guard: string; readonly reason: string }[] } | null;
}

async function tellIncidents(control: SocketClient, told: Map<string, string>, live: LiveStatus): Promise<void> {
  const { incidents } = await control.call<{ incidents: Told[] }>('GET', '/v1/incidents?limit=20');
  const first = told.size === 0;
  for (const { id, state, outcome, summary, refusal } of incidents.toReversed()) {
    const guards = refusal?.guards.map(({ guard, reason }) => `${guard}: ${reason}`).join('; ');
    const now = state === 'closed' ? `${outcome}` : guards ? `refused (${guards})` : 'opened';
    if (told.get(id) === now) continue;
    told.set(id, now);
    // What happened before this `up` is in `kintsugi incidents`.
    if (first && state === 'closed') continue;
    live.line(`incident ${id} ${now}: ${summary}`);
  }
  told.set('', '');
}
