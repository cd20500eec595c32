import type { Command } from 'commander';
import { KinError } from '../base/errors.ts';
import type { IncidentAnswer, IncidentSummary } from './answers.ts';
import type { Binder, Invocation } from './invocation.ts';
import { wholeNumber } from './number-option.ts';
import { renderIncidents } from './status-tables.ts';
import { renderStory } from './story.ts';

/** How many of the newest incidents are looked through for the beginning of an id. */
const SEARCHED = 200;

export function declareIncidents(program: Command, binder: Binder): void {
  const list = program
    .command('incidents')
    .description('what went wrong, newest first, and how it ended')
    .option('-n, --limit <number>', 'how many', wholeNumber(1, 1_000), 20);
  binder.bind<{ limit: number }>(list, async (invocation, { limit }) => {
    const incidents = await readIncidents(invocation, limit);
    invocation.print({ incidents }, () => renderList(invocation, incidents));
  });
  const show = program
    .command('incident')
    .description('look at one incident')
    .command('show')
    .description('the whole story: seen, suspected, planned, allowed or refused, done, verified')
    .argument('<id>', 'id or its beginning; `last` is the newest');
  binder.bind(show, runShow);
}

/** The newest incidents, open and closed. */
async function readIncidents(invocation: Invocation, limit: number): Promise<readonly IncidentSummary[]> {
  const path = `/v1/incidents?limit=${limit}`;
  return (await invocation.ask<{ incidents: readonly IncidentSummary[] }>('GET', path)).incidents;
}

function renderList({ paint, time, context }: Invocation, incidents: readonly IncidentSummary[]): string {
  if (incidents.length === 0) return 'no incident is on record\n';
  return renderIncidents(incidents, { paint, time, now: context.clock.now() });
}

async function runShow(invocation: Invocation, _options: object, given = ''): Promise<void> {
  const id = await resolveId(invocation, given);
  const story = await invocation.ask<IncidentAnswer>('GET', `/v1/incidents/${encodeURIComponent(id)}`);
  const { paint, time } = invocation;
  invocation.print(story, () => renderStory(story, { paint, time }));
}

/** A whole id is taken as it is: it may be older than what is looked through. */
export async function resolveId(invocation: Invocation, given: string): Promise<string> {
  if (/^inc_[0-9a-z]{16}$/.test(given)) return given;
  const incidents = await readIncidents(invocation, given === 'last' ? 1 : SEARCHED);
  const fitting = incidents.filter(
    ({ id }) => given === 'last' || id.startsWith(given) || id.startsWith(`inc_${given}`),
  );
  const [first, ...others] = fitting;
  if (first && others.length === 0) return first.id;
  const reason = first ? `${fitting.length} incidents begin with ${given}` : `no incident ${given}`;
  throw new KinError('resource.unknown', reason, { details: { id: given } });
}
