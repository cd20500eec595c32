import { expect, test } from 'vitest';
import { reportPage } from './report-page.ts';
import { SAMPLE } from './sample-dossier.ts';
import { shareOf } from './report-scope.ts';

const page = reportPage(SAMPLE);

/** What an auditor reads; rewritten with `npx vitest run src/evidence/report.test.ts -u`. */
test('the page is as it was read last', async () => {
  await expect(page).toMatchFileSnapshot('../../test/golden/report/report.html');
});

test('the page has what a screen reader needs', () => {
  expect(page).toContain('<html lang="en">');
  const levels = [...page.matchAll(/<h(\d)/g)].map(([, level]) => Number(level));
  expect(levels[0]).toBe(1);
  expect(levels.filter((level) => level === 1)).toHaveLength(1);
  for (const [index, level] of levels.entries()) expect(level - (levels[index - 1] ?? 0)).toBeLessThanOrEqual(1);
  const tables = [...page.matchAll(/<table>[\s\S]*?<\/table>/g)].map(([each]) => each);
  expect(tables.length).toBeGreaterThan(8);
  for (const each of tables) expect(each).toMatch(/<caption>.+<\/caption>[\s\S]*<th scope="col">/);
  expect(page).not.toMatch(/<th>|<svg(?![^>]*role="img"[^>]*aria-label="[^"]+)/);
});

test('every link leads somewhere, and no id stands twice', () => {
  const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const [, anchor] of page.matchAll(/href="#([^"]+)"/g)) expect(ids).toContain(anchor);
  for (const [, path] of page.matchAll(/href="((?!#|https:)[^"]+)"/g)) {
    expect(path).toMatch(/^(?:receipts\/evt_\w+\.tlog-proof|evidence\/sha256-[0-9a-f]{64}\.json)$/);
  }
});

test('words in colour can be read on white (WCAG 2.2, 1.4.3)', () => {
  const style = page.slice(page.indexOf('<style>'), page.indexOf('</style>'));
  const colours = [...style.matchAll(/[^-]color: (#[0-9a-f]{6})/g)].map(([, colour]) => colour!);
  expect(colours.length).toBeGreaterThan(5);
  for (const colour of colours) expect(1.05 / (luminance(colour) + 0.05), colour).toBeGreaterThan(4.5);
});

function luminance(colour: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const share = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

test('a violation of a moment in a month reads as more than none, and is never rounded away', () => {
  const [from, to] = ['2026-11-01T00:00:00.000Z', '2026-12-01T00:00:00.000Z'];
  const [start, end] = ['2026-11-10T00:00:00.000Z', '2026-11-10T00:00:00.100Z'];
  const spans = [
    { status: 'satisfied' as const, from, to: start },
    { status: 'not-satisfied' as const, from: start, to: end },
    { status: 'satisfied' as const, from: end, to },
  ];
  const control = { ...SAMPLE.controls[0]!, spans };
  const dossier = { ...SAMPLE, from, to };
  expect(shareOf(control, 'satisfied', dossier)).toBe('99.99 %');
  expect(shareOf(control, 'not-satisfied', dossier)).toBe('0.01 %');
  expect(shareOf(control, 'unknown', dossier)).toBe('0.00 %');
});
