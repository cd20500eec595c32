import { posix } from 'node:path';

/** Reads the target of a link by its path from the root of the project; undefined when there is nothing. */
type ReadPage = (path: string) => string | undefined;

/** Relative links of a Markdown page that lead nowhere: no such file, or no such heading in it. Code is no link. */
export function brokenLinks(path: string, text: string, read: ReadPage): string[] {
  const prose = withoutCode(text);
  return linkTargets(prose)
    .filter((target) => !/^[a-z][a-z0-9+.-]*:/i.test(target))
    .filter((target) => !resolves(path, target, text, read))
    .map((target) => `${path} links to ${target}`);
}

function linkTargets(prose: string): string[] {
  const inline = prose.matchAll(/\]\(\s*<?([^)\s>]+)>?[^)]*\)/g);
  const references = prose.matchAll(/^\s{0,3}\[[^\]]+\]:\s*(\S+)/gm);
  return [...inline, ...references].flatMap(([, target]) => target ?? []);
}

function resolves(path: string, target: string, own: string, read: ReadPage): boolean {
  const [file = '', heading] = target.split('#');
  const resolved = posix.join(posix.dirname(path), decodeURIComponent(file)).replace(/\/$/, '');
  const page = file === '' ? own : read(resolved);
  if (page === undefined || resolved.startsWith('..')) return false;
  return heading === undefined || page === '' || anchors(page).includes(heading);
}

/** The ids that code hosts give to headings: lower case, no punctuation, hyphens for spaces, a number for a repeat. */
function anchors(text: string): string[] {
  const seen = new Map<string, number>();
  return [...withoutFences(text).matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)].map(([, title = '']) => {
    const id = title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(/\s/g, '-');
    const repeats = seen.get(id) ?? 0;
    seen.set(id, repeats + 1);
    return repeats === 0 ? id : `${id}-${repeats}`;
  });
}

function withoutCode(text: string): string {
  return withoutFences(text).replaceAll(/`[^`\n]*`/g, '');
}

function withoutFences(text: string): string {
  return text.replaceAll(/^( *)(```+|~~~+)[\s\S]*?^\1\2`*~*$/gm, '');
}
