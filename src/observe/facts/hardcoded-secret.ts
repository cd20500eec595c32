/** Where a secret stands in a text, and of which kind it is; never the secret. */
export interface SecretPlace {
  readonly line: number;
  readonly kind: string;
}

/** Forms that issuers give their secrets, so that they can be found. */
const FORMS: readonly (readonly [kind: string, form: RegExp])[] = [
  ['cloud key (AWS)', /(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Z0-9])/],
  ['cloud key (Google)', /(?<![\w-])AIza[\w-]{35}(?![\w-])/],
  ['token (GitHub)', /(?<!\w)(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_\w{60,255})(?!\w)/],
  ['token (GitLab)', /(?<![\w-])glpat-[\w-]{20,255}(?![\w-])/],
  ['token (Slack)', /(?<![\w-])xox[abprs]-\d+-[\w-]{20,250}(?![\w-])/],
  ['token (npm)', /(?<!\w)npm_[A-Za-z0-9]{36}(?!\w)/],
  ['key for payments (Stripe)', /(?<!\w)[rs]k_live_[A-Za-z0-9]{20,250}(?!\w)/],
];

/** The body of an unencrypted key: a line of its base64, be it with line ends of its own or written `\n`. */
const PRIVATE_KEY = /-----BEGIN (?:RSA |EC |DSA |OPENSSH )?PRIVATE KEY-----(?:\s|\\r|\\n)*[A-Za-z0-9+/]{48,}/g;
const IN_ADDRESS = /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s:@/'"`]{1,100}:([^\s:@/'"`]{6,200})@[\w.-]+/gi;
const ASSIGNED =
  /(?<name>[\w-]*(?:passw(?:or)?d|passphrase|secret|api[_-]?key|access[_-]?key|auth[_-]?token|private[_-]?key)[\w-]*)['"`]?\s*[:=]\s*(?<quote>['"`])(?<value>[^'"`\r\n]{8,200})\k<quote>/gi;

/** Values that stand for one, and those that everybody knows. */
const STAND_IN =
  /\$\{|\{\{|<[\w -]+>|%\w+%|^\$|example|sample|placeholder|change[_-]?me|dummy|redacted|your[_-]|not[_-]?a?[_-]?secret|demo|test|fake|xxxx|\*{3}|\.{3}|12345|abcdef|localhost/i;
/** What names something else than a value: a field, a file, a header, a variable of the environment. */
const NAMES_A_NAME = /(?:name|field|header|file|path|label|title|column|id|url|uri|type|format|pattern|env|ref)$/i;
const ENTROPY_MIN = 3;
const LINE_MAX = 5_000;

/**
 * Secrets that stand in a text: private keys, tokens and keys by the forms that their issuers publish, passwords in addresses,
 * and literals that are assigned to a name such as `password`. A literal counts when it has letters and digits and is spread
 * like something made up; what stands for a value, or is known to everybody, does not.
 */
export function findSecrets(text: string): readonly SecretPlace[] {
  const places: SecretPlace[] = [];
  for (const { index } of text.matchAll(PRIVATE_KEY)) {
    places.push({ line: text.slice(0, index).split('\n').length, kind: 'private key' });
  }
  for (const [number, line] of text.split('\n').entries()) {
    const kind = line.length > LINE_MAX ? undefined : kindIn(line);
    if (kind) places.push({ line: number + 1, kind });
  }
  return places;
}

function kindIn(line: string): string | undefined {
  for (const [kind, form] of FORMS) {
    const [found] = form.exec(line) ?? [];
    if (found !== undefined && !STAND_IN.test(found) && entropyOf(found) >= ENTROPY_MIN) return kind;
  }
  if ([...line.matchAll(IN_ADDRESS)].some(([, value = '']) => isMadeUp(value))) return 'password in an address';
  const assigned = [...line.matchAll(ASSIGNED)].some(({ groups: { name = '', value = '' } = {} }) => {
    return !NAMES_A_NAME.test(name) && isMadeUp(value);
  });
  return assigned ? 'literal that is assigned to a secret' : undefined;
}

/** Letters and digits, no words in a row, no name of a variable, and spread as what somebody made up to be guessed by nobody. */
function isMadeUp(value: string): boolean {
  if (STAND_IN.test(value) || /\s/.test(value) || /^[A-Z][A-Z0-9_]*$/.test(value)) return false;
  // A path, a host, or words joined by signs with a number at the end is a name.
  if (/^(?:[a-z]+[-_./:])+[a-z]*\d{0,2}$/i.test(value)) return false;
  return /\d/.test(value) && /[a-z]/i.test(value) && entropyOf(value) >= ENTROPY_MIN;
}

/** Bits a character. */
function entropyOf(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  return [...counts.values()].reduce((sum, count) => sum - (count / text.length) * Math.log2(count / text.length), 0);
}
