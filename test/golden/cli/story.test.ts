import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ExplainAnswer, IncidentAnswer, PlanAnswer, Status } from '../../../src/cli/answers.ts';
import { renderExplanation } from '../../../src/cli/explain.ts';
import { renderLedgerLine, renderLedgerStatus } from '../../../src/cli/ledger-status.ts';
import { renderBlock } from '../../../src/cli/live-status.ts';
import { createPrintTime } from '../../../src/cli/moment.ts';
import { renderNextSteps } from '../../../src/cli/next-steps.ts';
import { plain } from '../../../src/cli/paint.ts';
import { renderPlanShow } from '../../../src/cli/plan-show.ts';
import { renderStatus } from '../../../src/cli/status.ts';
import { renderStory } from '../../../src/cli/story.ts';
import { renderTop } from '../../../src/cli/top.ts';
import type { LedgerStatus } from '../../../src/ledger/ledger-status.ts';

// Expected texts are rewritten with `npx vitest run test/golden/cli -u`; look at the difference before keeping it.
const time = createPrintTime('UTC');
const telling = { paint: plain, time };
const board = { ...telling, now: Date.parse('2026-11-20T12:31:00.000Z') };
const given = <T>(name: string) => JSON.parse(readFileSync(join(import.meta.dirname, name), 'utf8')) as T;
const expected = (name: string) => join(import.meta.dirname, name);

test.each(['healed', 'climbed', 'refused', 'storm'])(
  'the story of an incident that was %s is told as expected',
  async (name) => {
    const story = renderStory(given<IncidentAnswer>(`story-${name}.json`), telling);
    await expect(story).toMatchFileSnapshot(expected(`story-${name}.txt`));
  },
);

test('a plan is laid before the person who has to say yes or no', async () => {
  const text = renderPlanShow(given<PlanAnswer>('plan.json'), telling, 1_795_225_660_000);
  await expect(text).toMatchFileSnapshot(expected('plan.txt'));
});

test('the status of a stack is shown as expected', async () => {
  const text = renderStatus(given<Status>('status.json'), given<LedgerStatus>('ledger-status.json'), board);
  await expect(text).toMatchFileSnapshot(expected('status.txt'));
});

test('the status of a ledger is shown as expected', async () => {
  const text = renderLedgerStatus(given<LedgerStatus>('ledger-status.json'), board);
  await expect(text).toMatchFileSnapshot(expected('ledger-status.txt'));
});

test('one line of the status tells that a ledger is damaged, or is being read for the first time', () => {
  const { witnessed: _witnessed, selfCheck, ...status } = given<LedgerStatus>('ledger-status.json');
  const lineWith = (found: Partial<LedgerStatus['selfCheck']>) => {
    const { lastRoundAt: _last, ...state } = selfCheck;
    return renderLedgerLine({ ...status, selfCheck: { ...state, ...found } }, board);
  };
  expect(lineWith({ fault: { index: 4711, reason: 'a payload is gone' } })).toBe(
    'ledger 1204511 entries; damaged at entry 4711: a payload is gone\n',
  );
  expect(lineWith({ coverage: 0.37291 })).toBe('ledger 1204511 entries; 37.2 % read again since the start\n');
});

test('a frame of the live table is shown as expected', async () => {
  await expect(renderTop(given<Status>('status.json'), board)).toMatchFileSnapshot(expected('top.txt'));
});

test('the block below a running stack is shown as expected', async () => {
  const block = renderBlock(given<Status>('status.json'), plain);
  await expect(`${block.join('\n')}\n`).toMatchFileSnapshot(expected('block.txt'));
});

test('what to try next names what this stack has', async () => {
  const surroundings = {
    folder: 'examples/clinic',
    files: ['stack.yaml', 'release-2.yaml', 'bad-config.yaml'],
    command: 'kintsugi',
    stateOption: '',
  };
  const text = renderNextSteps(given<Status>('status.json'), surroundings);
  await expect(text).toMatchFileSnapshot(expected('next-steps.txt'));
});

test.each([
  ['with characters of a terminal', false, 'explain.txt'],
  ['with plain characters', true, 'explain-ascii.txt'],
])('the evidence of an incident is shown %s', async (_how, ascii, name) => {
  const text = renderExplanation(
    given<ExplainAnswer>('explain.json'),
    { ...telling, now: 1_795_225_860_000, ascii },
    'last',
  );
  await expect(text).toMatchFileSnapshot(expected(name));
});
