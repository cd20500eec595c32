import { createRequire } from 'node:module';
import { buffer } from 'node:stream/consumers';
import PdfKit from 'pdfkit';
import { dateOf } from '../base/clock.ts';
import type { ControlStatus, Dossier } from './dossier.ts';
import { reportOf } from './report.ts';
import type { Block, Cell } from './report-block.ts';
import { type Bar, sharesBars, sharesText, timelineBars, timelineText } from './report-chart.ts';

/** With letters of all tenants' languages: the fonts that every PDF reader has know those of Western Europe only. */
const FONTS = { text: 'DejaVuSans.ttf', bold: 'DejaVuSans-Bold.ttf' } as const;

const COLOURS: Readonly<Record<ControlStatus, string>> = {
  satisfied: '#1d7a46',
  'not-satisfied': '#b3261e',
  unknown: '#5a606a',
};
const MARGIN = 48;
const BAR_HEIGHT = 10;
const SIZES = { 1: 18, 2: 13, 3: 10.5 } as const;
const TEXT_SIZE = 9;
const TABLE_SIZE = 7.5;

/**
 * The report as a tagged PDF (PDF/UA-1, ISO 14289): headings, tables and figures are marked as such, bars have their words
 * beside them. The same pieces as the page, and the same dossier gives the same bytes.
 */
export async function reportPdf(dossier: Dossier): Promise<Buffer> {
  const fonts = createRequire(import.meta.url);
  const file = (name: string) => fonts.resolve(`dejavu-fonts-ttf/ttf/${name}`);
  const document = new PdfKit({
    size: 'A4',
    margin: MARGIN,
    pdfVersion: '1.7',
    tagged: true,
    // The types do not know it yet.
    subset: 'PDF/UA' as 'PDF/A-1',
    lang: 'en',
    displayTitle: true,
    font: file(FONTS.text),
    info: {
      Title: `${dossier.framework.title}: ${dossier.tenant.displayName ?? dossier.tenant.name}`,
      Author: dossier.madeBy,
      CreationDate: dateOf(dossier.madeAt),
      ModDate: dateOf(dossier.madeAt),
    },
  });
  document.registerFont('text', file(FONTS.text)).registerFont('bold', file(FONTS.bold));
  const bytes = buffer(document);
  const pen = new Pen(document);
  for (const block of reportOf(dossier)) pen.write(block);
  pen.end();
  return bytes;
}

type Structure = ReturnType<PDFKit.PDFDocument['struct']>;

/** Writes blocks one below the other, each as an element of the document's structure. */
class Pen {
  readonly #document: PDFKit.PDFDocument;
  readonly #root: Structure;

  constructor(document: PDFKit.PDFDocument) {
    this.#document = document;
    this.#root = document.struct('Document');
    document.addStructure(this.#root);
  }

  write(block: Block): void {
    switch (block.kind) {
      case 'heading':
        return this.#heading(block.level, block.text, block.anchor);
      case 'text':
        return this.#paragraph(block.text);
      case 'links':
        return this.#paragraph(`${block.text} ${block.links.map(({ text }) => text).join(', ')}`);
      case 'table':
        return this.#table(block.caption, block.head, block.rows);
      case 'shares':
        return this.#figure(`${block.caption}: ${sharesText(block.parts)}`, sharesBars(block.parts));
      case 'timeline':
        return this.#figure(
          `${block.caption}: ${timelineText(block.spans)}`,
          timelineBars(block.spans, block.from, block.to),
        );
    }
  }

  end(): void {
    this.#root.end();
    this.#document.end();
  }

  /** A heading is not left alone at the foot of a page. */
  #heading(level: 1 | 2 | 3, text: string, anchor: string | null): void {
    const document = this.#document;
    this.#need(90);
    document.moveDown(level === 1 ? 0 : 0.8);
    if (anchor !== null) document.addNamedDestination(anchor);
    const element = document.struct(`H${level}`, {}, () => {
      document.font('bold').fontSize(SIZES[level]).fillColor('#1b1d21').text(text);
    });
    this.#root.add(element);
    document.moveDown(0.3);
  }

  #paragraph(text: string): void {
    const document = this.#document;
    const element = document.struct('P', {}, () => {
      document.font('text').fontSize(TEXT_SIZE).fillColor('#1b1d21').text(text);
    });
    this.#root.add(element);
    document.moveDown(0.5);
  }

  #table(caption: string, head: readonly string[], rows: readonly (readonly Cell[])[]): void {
    this.#paragraph(caption);
    const document = this.#document;
    document.font('text').fontSize(TABLE_SIZE);
    const titles = head.map((text) => ({
      text,
      type: 'TH' as const,
      scope: 'Column',
      font: { src: 'bold', size: TABLE_SIZE },
    }));
    const cells = rows.map((row) =>
      row.map(({ text, status }) => ({ text, ...(status === undefined ? {} : { textColor: COLOURS[status] }) })),
    );
    const options = {
      structParent: this.#root,
      columnStyles: columnsFor(head, rows),
      defaultStyle: { border: 0, padding: [2.5, 4, 2.5, 0] },
      data: [titles, ...cells],
    };
    document.table(options as unknown as Parameters<typeof document.table>[0] & { data: string[][] });
    document.x = MARGIN;
    document.moveDown(0.8);
  }

  #figure(said: string, bars: readonly Bar[]): void {
    const document = this.#document;
    this.#need(50);
    const width = document.page.width - 2 * MARGIN;
    const y = document.y;
    const element = document.struct('Figure', { alt: said }, () => {
      for (const { status, from, to } of bars) {
        // What lasted a moment is still seen.
        document.rect(MARGIN + from * width, y, Math.max(0.8, (to - from) * width), BAR_HEIGHT).fill(COLOURS[status]);
      }
    });
    this.#root.add(element);
    document.y = y + BAR_HEIGHT + 3;
    this.#paragraph(said);
  }

  #need(points: number): void {
    const { page, y } = this.#document;
    if (y + points > page.height - MARGIN) this.#document.addPage();
  }
}

/** Columns as wide as what stands in them asks for, within bounds. */
function columnsFor(head: readonly string[], rows: readonly (readonly Cell[])[]): number[] {
  const width = 595.28 - 2 * MARGIN;
  const lengths = head.map((title, column) => {
    const longest = Math.max(title.length, ...rows.map((row) => Math.min(60, row[column]?.text.length ?? 0)));
    return Math.max(11, Math.min(42, longest));
  });
  const total = lengths.reduce((sum, each) => sum + each, 0);
  return lengths.map((each) => Math.floor((each / total) * width));
}
