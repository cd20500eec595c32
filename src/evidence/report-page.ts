import type { ControlStatus, Dossier } from './dossier.ts';
import { reportOf } from './report.ts';
import type { Block, Cell } from './report-block.ts';
import { type Bar, sharesBars, sharesText, timelineBars, timelineText } from './report-chart.ts';

const COLOURS: Readonly<Record<ControlStatus, string>> = {
  satisfied: '#1d7a46',
  'not-satisfied': '#b3261e',
  unknown: '#8a8f98',
};
/** A mark for each, so that nothing is said by colour alone. */
const MARKS: Readonly<Record<ControlStatus, string>> = { satisfied: '✓', 'not-satisfied': '✕', unknown: '?' };

const STYLE = `
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1b1d21; background: #fff; max-width: 72rem; margin: 2rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.75rem; line-height: 1.2; } h2 { margin-top: 2.5rem; border-bottom: 1px solid #d5d8dd; padding-bottom: .25rem; }
h3 { margin-top: 2rem; scroll-margin-top: 1rem; }
table { border-collapse: collapse; width: 100%; margin: .75rem 0 1.25rem; font-size: .9rem; }
caption { text-align: left; color: #5a606a; padding-bottom: .25rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid #e6e8eb; } td { overflow-wrap: anywhere; }
.status { white-space: nowrap; font-weight: 600; }
.satisfied { color: #1d7a46; } .not-satisfied { color: #b3261e; } .unknown { color: #5a606a; }
figure { margin: .75rem 0 1.25rem; } figcaption { color: #5a606a; font-size: .9rem; } svg { width: 100%; height: auto; display: block; }
a { color: #0b57a4; }
@media (max-width: 40rem) { table { display: block; overflow-x: auto; } }
@media print { body { margin: 0; max-width: none; font-size: 11px; } h2, h3 { break-after: avoid; } tr, figure { break-inside: avoid; } a { color: inherit; } }
`;

/** The report of a dossier as one HTML file: see `pageOf`. */
export function reportPage(dossier: Dossier): string {
  return pageOf(`${dossier.framework.title}: ${dossier.tenant.displayName ?? dossier.tenant.name}`, reportOf(dossier));
}

/**
 * Pieces of a report as one HTML file: no script, nothing loaded from elsewhere, readable by screen readers and on paper.
 * The same pieces give the same bytes.
 */
export function pageOf(title: string, blocks: readonly Block[]): string {
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`,
    `<title>${escaped(title)}</title>`,
    `<style>${STYLE}</style>`,
    '</head>',
    '<body>',
    '<main>',
    ...blocks.map(render),
    '</main>',
    '</body>',
    '</html>',
    '',
  ].join('\n');
}

function render(block: Block): string {
  switch (block.kind) {
    case 'heading': {
      const anchor = block.anchor === null ? '' : ` id="${escaped(block.anchor)}"`;
      return `<h${block.level}${anchor}>${escaped(block.text)}</h${block.level}>`;
    }
    case 'text':
      return `<p>${escaped(block.text)}</p>`;
    case 'links':
      return `<p>${escaped(block.text)} ${block.links.map(linkOf).join(', ')}</p>`;
    case 'table':
      return tableOf(block.caption, block.head, block.rows);
    case 'shares':
      return figure(block.caption, sharesBars(block.parts), sharesText(block.parts));
    case 'timeline':
      return figure(block.caption, timelineBars(block.spans, block.from, block.to), timelineText(block.spans));
  }
}

function tableOf(caption: string, head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const titles = head.map((each) => `<th scope="col">${escaped(each)}</th>`).join('');
  const body = rows.map((row) => `<tr>${row.map(cellOf).join('')}</tr>`).join('\n');
  return `<table>\n<caption>${escaped(caption)}</caption>\n<thead><tr>${titles}</tr></thead>\n<tbody>\n${body}\n</tbody>\n</table>`;
}

function cellOf(cell: Cell): string {
  const { status } = cell;
  return status === undefined ? `<td>${linkOf(cell)}</td>` : `<td class="status ${status}">${linkOf(cell)}</td>`;
}

function linkOf({ text, status, href }: Cell): string {
  const said = status === undefined ? escaped(text) : `${MARKS[status]} ${escaped(text)}`;
  return href === undefined ? said : `<a href="${escaped(href)}">${said}</a>`;
}

const WIDTH = 1_000;
const HEIGHT = 22;

function figure(caption: string, bars: readonly Bar[], said: string): string {
  const drawing = `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${escaped(`${caption}: ${said}`)}">${bars.map(bar).join('')}</svg>`;
  return `<figure>${drawing}<figcaption>${escaped(caption)}: ${escaped(said)}</figcaption></figure>`;
}

function bar({ status, from, to }: Bar): string {
  // What lasted a moment is still seen.
  const width = Math.max(1.5, (to - from) * WIDTH);
  const x = (from * WIDTH).toFixed(2);
  return `<rect x="${x}" y="0" width="${width.toFixed(2)}" height="${HEIGHT}" fill="${COLOURS[status]}"/>`;
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
