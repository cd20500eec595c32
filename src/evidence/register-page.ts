import type { Contact } from '../resources/contact.ts';
import { type ControllerEntry, PLACE_KINDS, type RegisterVersion } from './register.ts';
import { type Block, type Cell, heading, moment, table, text } from './report-block.ts';
import { pageOf } from './report-page.ts';

const TITLE = 'Record of processing activities of the processor (GDPR Art. 30(2))';
const NOT_SAID = 'not said';

/** The record as one HTML file. */
export function registerPage(version: RegisterVersion): string {
  return pageOf(TITLE, blocksOf(version));
}

/** The record as Markdown. */
export function registerMarkdown(version: RegisterVersion): string {
  return `${blocksOf(version).map(markdownOf).join('\n\n')}\n`;
}

function blocksOf(record: RegisterVersion): readonly Block[] {
  const { version, digest, madeAt, madeBy, register } = record;
  const { office, representative, dataProtectionOfficer } = register.processor;
  return [
    heading(1, TITLE),
    text(`Version ${version} of ${moment(madeAt)} (UTC), made for ${madeBy}. Digest of what it says: ${digest}.`),
    heading(2, 'Processor'),
    offices([
      ['Processor', office],
      ['Representative', representative],
      ['Data protection officer', dataProtectionOfficer],
    ]),
    ...Object.keys(register.controllers)
      .toSorted()
      .flatMap((tenant) => entryBlocks(tenant, register.controllers[tenant], record)),
    heading(2, 'What this stands on'),
    text(
      'Regions, processors and measures are what was measured and declared when this version was made. Purposes and offices are ' +
        'what people declared. A measure is here only while its control is satisfied by measurement.',
    ),
  ];
}

function entryBlocks(tenant: string, entry: ControllerEntry | undefined, { proof }: RegisterVersion): readonly Block[] {
  if (!entry) return [];
  const { controller, representative, dataProtectionOfficer, measures, missing } = entry;
  const proven = proof[tenant] ?? {};
  return [
    heading(2, `On behalf of ${entry.displayName ?? tenant}`),
    ...(missing.length === 0 ? [] : [text(`This entry is not complete. Missing: ${missing.join('; ')}.`)]),
    offices([
      ['Controller', controller],
      ['Representative', representative],
      ['Data protection officer', dataProtectionOfficer],
    ]),
    table(
      'Processing',
      ['What', 'Value'],
      [
        ['Categories of processing', entry.categories.join('; ') || NOT_SAID],
        ['Classes of data', entry.dataClasses.join(', ')],
        ['Regions permitted', entry.regionsPermitted.join(', ')],
        ...PLACE_KINDS.map((kind) => [`Measured: ${kind}`, entry.regionsMeasured[kind]?.join(', ') ?? 'not measured']),
        ['Transfers outside of the Union', pairs(entry.transfers, 'rests on')],
        ['Other processors', pairs(entry.processors, 'has')],
      ],
    ),
    table(
      'Security measures: controls that are satisfied',
      ['Clause', 'Measure', 'Stands on'],
      Object.entries(measures).map(([control, { clause, title, facts }]) => [
        clause,
        `${title} (${control})`,
        (proven[control] ?? facts).join('; '),
      ]),
    ),
  ];
}

function offices(rows: readonly (readonly [string, Contact | null])[]): Block {
  return table(
    'Offices',
    ['Who', 'Name', 'Contact'],
    rows.map(([who, contact]) => [who, contact?.name ?? NOT_SAID, contact?.contact ?? NOT_SAID]),
  );
}

function pairs(of: Readonly<Record<string, string | null>>, words: string): string {
  const all = Object.entries(of).map(
    ([name, said]) => `${name} ${said === null ? `(${NOT_SAID})` : `(${words}: ${said})`}`,
  );
  return all.length === 0 ? 'none' : all.join('; ');
}

function markdownOf(block: Block): string {
  switch (block.kind) {
    case 'heading':
      return `${'#'.repeat(block.level)} ${escaped(block.text)}`;
    case 'text':
      return escaped(block.text);
    case 'links':
      return escaped(`${block.text} ${block.links.map(({ text: said }) => said).join(', ')}`);
    case 'table':
      return [block.head.map((each) => ({ text: each })), block.head.map(() => ({ text: '---' })), ...block.rows]
        .map(rowOf)
        .join('\n');
    case 'shares':
    case 'timeline':
      return escaped(block.caption);
  }
}

function rowOf(cells: readonly Cell[]): string {
  return `| ${cells.map(({ text: said }) => escaped(said)).join(' | ')} |`;
}

/** What people declared is text and no markup. */
function escaped(said: string): string {
  return said.replaceAll(/[\\`*_[\]<>|#]/g, (each) => `\\${each}`).replaceAll(/\s+/g, ' ');
}
