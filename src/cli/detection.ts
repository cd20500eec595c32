import type { Command } from 'commander';
import { KinError } from '../base/errors.ts';
import { nearest } from '../resources/edit-distance.ts';
import { DETECTION_NUMBERS, type DetectionName, detectionNumbers } from '../resources/detection-number.ts';
import { readManifests } from '../resources/manifest.ts';
import type { Policy } from '../resources/policy.ts';
import type { Binder, Invocation } from './invocation.ts';
import { readDeclared } from './plan-apply.ts';
import { renderTable } from './table.ts';

/** One number that detectors go by, as it counts. */
interface NumberRow {
  readonly name: DetectionName;
  readonly value: number;
  readonly default: number;
  readonly unit: string;
  readonly what: string;
  readonly source: string;
}

export function declareDetection(program: Command, binder: Binder): void {
  const command = program
    .command('detection')
    .description(
      'the numbers that detectors go by: value, default, unit and meaning; a Policy sets them (spec.detection)',
    )
    .argument('[words...]', 'only names that begin with one of these, as `leak` or `sibling.timesSlower`')
    .option('--from <path...>', 'manifests with the Policy; left out: the one in force')
    .option('--defaults', 'the defaults, without asking a running stack');
  binder.bind<{ from?: readonly string[]; defaults?: boolean }>(command, async (invocation, options, ...words) => {
    const rows = rowsFor(
      await readPolicy(invocation, options),
      words.filter((word) => word !== undefined),
    );
    invocation.print({ numbers: rows }, () => renderNumbers(rows));
  });
}

async function readPolicy(
  invocation: Invocation,
  { from, defaults }: { from?: readonly string[]; defaults?: boolean },
): Promise<Policy | undefined> {
  if (defaults) return undefined;
  const resources = from
    ? (await readManifests(from)).resources.map(({ resource }) => resource)
    : await readDeclared(invocation);
  return resources.find((each): each is Policy => each.kind === 'Policy');
}

/** Throws `resource.unknown` for a word that no name begins with, with the name that was probably meant. */
function rowsFor(policy: Policy | undefined, words: readonly string[]): readonly NumberRow[] {
  const values = detectionNumbers(policy?.spec.detection);
  const names = Object.keys(DETECTION_NUMBERS) as DetectionName[];
  for (const word of words) {
    if (names.some((name) => name.startsWith(word))) continue;
    const meant = nearest(word, [...names, ...new Set(names.map((name) => name.slice(0, name.indexOf('.'))))]);
    const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
    throw new KinError('resource.unknown', `no number of detection begins with ${word}${hint}`);
  }
  return names
    .filter((name) => words.length === 0 || words.some((word) => name.startsWith(word)))
    .map((name) => {
      const { default: usual, what, source } = DETECTION_NUMBERS[name];
      return { name, value: values[name], default: usual, unit: unitOf(name), what, source };
    });
}

/** Units stand last in names. */
function unitOf(name: DetectionName): string {
  if (name.endsWith('Ms')) return 'ms';
  if (/share/i.test(name)) return 'share';
  if (/times|headroom|foresight/i.test(name)) return 'times';
  if (name === 'leak.growthMin') return 'MiB';
  return '';
}

function renderNumbers(rows: readonly NumberRow[]): string {
  const columns = [
    { title: 'name' },
    { title: 'value', align: 'right' as const },
    { title: 'default', align: 'right' as const },
    { title: 'unit' },
    { title: 'what' },
  ];
  const cells = rows.map((row) => {
    const isSet = row.value !== row.default;
    return [row.name, isSet ? `*${row.value}` : String(row.value), String(row.default), row.unit, row.what];
  });
  const set = rows.some((row) => row.value !== row.default) ? '\n* set by the Policy\n' : '';
  return `${renderTable(columns, cells)}${set}`;
}
