import { styleText } from 'node:util';

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** Puts a style on a text, or leaves it as it is where nobody would see it. */
export type Paint = (style: Style, text: string) => string;

export const plain: Paint = (_style, text) => text;

/** Colours for a terminal, unless NO_COLOR is set to anything but nothing (no-color.org). */
export function createPaint(isTty: boolean, env: Readonly<Record<string, string | undefined>>): Paint {
  if (!isTty || (env['NO_COLOR'] ?? '') !== '') return plain;
  return (style, text) => styleText(style, text, { validateStream: false });
}

/** Colours for words that everybody knows: what is well, what waits, what is not well. */
export function paintWord(paint: Paint, word: string): string {
  const style = WORDS[word];
  return style ? paint(style, word) : word;
}

const WORDS: Readonly<Record<string, Style>> = {
  healed: 'green',
  restarted: 'green',
  recovered: 'green',
  ready: 'green',
  running: 'green',
  intact: 'green',
  open: 'yellow',
  starting: 'yellow',
  stopping: 'yellow',
  unwound: 'yellow',
  escalated: 'yellow',
  refused: 'yellow',
  'not ready': 'yellow',
  stuck: 'red',
  failed: 'red',
  exited: 'red',
  gone: 'red',
  tampered: 'red',
  timeout: 'red',
};
