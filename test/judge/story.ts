import type { Scenario } from '../scenarios/scenario.ts';
import type { Trial } from '../sim/world/trial.ts';
import { feltOf } from './oracle.ts';
import { actText } from './score.ts';

interface Line {
  readonly at: number;
  readonly text: string;
}

/** What happened, in the order of time: the world's events, what tenants felt, what the healer thought and did. */
export function tellStory(scenario: Scenario, trial: Trial): string {
  const lines: Line[] = [
    ...scenario.events.map(({ at, ...what }) => ({ at, text: `event     ${JSON.stringify(what)}` })),
    ...trial.writes.map(({ at, setting, value, by }) => ({
      at,
      text: `write     ${setting} = ${value ?? 'absent'} by ${by}`,
    })),
    ...trial.conditions.flatMap(({ asset, condition, from, until }) => [
      { at: from, text: `asset     ${asset} is ${condition}` },
      ...(until === null ? [] : [{ at: until, text: `asset     ${asset} is no longer ${condition}` }]),
    ]),
    ...troubles(scenario, trial),
    ...thoughts(trial),
    ...deeds(trial),
  ];
  const told = lines.toSorted((a, b) => a.at - b.at).map(({ at, text }) => `${clockOf(at)}  ${text}\n`);
  return `${scenario.pack}/${scenario.scenario} (${trial.healer}, seed ${trial.seed}): ${scenario.title}\n${told.join('')}`;
}

/** When each tenant fell below its objective, and when it was served again. */
function troubles(scenario: Scenario, trial: Trial): readonly Line[] {
  return [...feltOf(scenario, trial)].flatMap(([tenant, windows]) =>
    windows.flatMap(({ isBelow, at, bad, requests }, index) => {
      const was = windows[index - 1]?.isBelow ?? false;
      if (isBelow === was) return [];
      return [
        {
          at,
          text: isBelow
            ? `tenant    ${tenant} is hurt: ${bad} of ${requests} are bad`
            : `tenant    ${tenant} is served`,
        },
      ];
    }),
  );
}

function thoughts({ incidents, refusals }: Trial): readonly Line[] {
  const said = new Set<string>();
  return [
    ...incidents.flatMap(({ id, openedAt, closedAt, outcome, summary, diagnoses }) => [
      { at: openedAt, text: `incident  ${id} is opened: ${summary}` },
      ...diagnoses.map(({ at, cause, subject }) => ({ at, text: `diagnosis ${id}: ${cause} of ${subject}` })),
      ...(closedAt === null ? [] : [{ at: closedAt, text: `incident  ${id} is closed: ${outcome ?? ''}` }]),
    ]),
    ...refusals.flatMap(({ at, incident, guard, reason }) => {
      const text = `refusal   ${incident} by ${guard}: ${reason}`;
      if (said.has(text)) return [];
      said.add(text);
      return [{ at, text }];
    }),
  ];
}

function deeds({ acts, repairs, pages, violations, faults }: Trial): readonly Line[] {
  return [
    ...repairs.flatMap((it) => [
      {
        at: it.openedAt,
        text: `repair    ${it.id} of ${it.incident} by ${it.playbook}${it.needsApproval ? ', needs approval' : ''}`,
      },
      ...(it.endedAt === null
        ? []
        : [{ at: it.endedAt, text: `repair    ${it.id} ends as ${it.outcome ?? '?'}: ${it.reason}` }]),
    ]),
    ...acts.map((act) => ({
      at: act.at,
      text: `${act.verb.padEnd(9)} ${actText(act)} [${act.subjects.join(', ')}] in ${act.endedAt === null ? 'no' : act.endedAt - act.at} ms${act.failed === null ? '' : `: ${act.failed}`}`,
    })),
    ...pages.map(({ at, summary }) => ({ at, text: `page      ${summary}` })),
    ...violations.map(({ at, invariant, what }) => ({ at, text: `VIOLATED  ${invariant}: ${what}` })),
    ...faults.map(({ at, what }) => ({ at, text: `FAULT     ${what}` })),
  ];
}

function clockOf(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  const tenths = Math.floor((ms % 1_000) / 100);
  return `${String(Math.floor(seconds / 60)).padStart(3)}:${String(seconds % 60).padStart(2, '0')}.${tenths}`;
}
