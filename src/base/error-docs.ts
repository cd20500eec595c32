import type { Retry } from './catalogue-entry.ts';
import { CATALOGUE, type ErrorCode } from './error-catalogue.ts';

const RETRY: Readonly<Record<Retry, string>> = {
  soon: 'soon',
  'after-backoff': 'after a pause that grows',
  never: 'no',
};

const INTRODUCTION = `# Errors

Every fault that Kintsugi reports has a code. A failed command prints it, an API answer carries it as \`code\` (problem
details, RFC 9457), and the logs name it. A code keeps its meaning once it has been released.

*Try again* says whether the same attempt can succeed later without anybody changing something. *Status* is the HTTP
status when the fault leaves through the API, *exit* the exit code of the command line (after \`sysexits.h\`).

This page is made from \`src/base/error-catalogue.ts\` by \`npm run docs\`; a test compares the two.`;

/** The whole of docs/errors.md, from the catalogue, in the catalogue's order of areas. The same catalogue, the same text. */
export function renderErrorDocs(): string {
  const codes = Object.keys(CATALOGUE) as ErrorCode[];
  const areas = Map.groupBy(codes, (code) => code.slice(0, code.indexOf('.')));
  const sections = [...areas].map(([area, members]) => [`## ${area}`, ...members.map(renderCode)].join('\n\n'));
  return `${[INTRODUCTION, ...sections].join('\n\n')}\n`;
}

function renderCode(code: ErrorCode): string {
  const { title, remedy, retry, status, exit } = CATALOGUE[code];
  const facts = `Try again: ${RETRY[retry]}. Status ${status}, exit ${exit}.`;
  return [`### ${code}`, `${capitalised(title)}.`, remedy, facts].join('\n\n');
}

function capitalised(title: string): string {
  return title.charAt(0).toUpperCase() + title.slice(1);
}
