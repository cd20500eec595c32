import { expect, test } from 'vitest';
import { BUILTIN_PLAYBOOKS } from '../../src/heal/playbooks.ts';
import { MOVES } from '../../src/resources/playbook.ts';
import { readProjectFile } from '../tidy/checkout.ts';
import { runMatrix, trialsOf } from './matrix.ts';
import { renderPage, renderTable } from './table.ts';

/** Every death once, and some of the pairs of deaths in a row: `npm run crash-matrix` runs them all. */
const PART = { pairsMax: 10, allPairs: false };

const results = await runMatrix(PART);

test('wherever the healer dies, once or twice, the repair ends as if nobody had died', () => {
  expect(results.flatMap(({ of, what, holes }) => holes.map((hole) => `${of}, ${what}: ${hole}`))).toEqual([]);
});

test('every move and every playbook is tried, and none is tried for nothing', () => {
  const tried = new Set(results.map(({ of }) => of));
  const all = [...MOVES, ...BUILTIN_PLAYBOOKS.map(({ metadata }) => `playbook ${metadata.name}`)];
  expect([...tried].toSorted()).toEqual(all.toSorted());
  for (const result of results) {
    expect(result.acts, `${result.of}, ${result.what}`).toBeGreaterThanOrEqual(2);
    expect(result.trials).toBe(trialsOf(result, PART));
  }
});

test('every move but the call has several effects, so that one can die between them', () => {
  for (const move of MOVES.filter((each) => each !== 'page')) {
    const faults = results.filter(({ of, what }) => of === move && what.startsWith('apply fails at'));
    expect(faults.length, move).toBeGreaterThanOrEqual(2);
  }
});

test('docs/crash-matrix.md is current', () => {
  expect(readProjectFile('docs/crash-matrix.md')).toBe(renderPage(results));
});

test('holes are told in words', () => {
  const [first] = results;
  expect(renderTable([{ ...first!, holes: ['killed before act 1: it ended twice'] }])).toMatch(
    /killed before act 1: it ended twice\n.* 1 holes$/,
  );
});
