/** Forms in which programs write down authentication factors; the first group is the factor. */
const FORMS: readonly { readonly what: string; readonly form: RegExp; readonly isPhrase: boolean }[] = [
  {
    what: 'a password',
    form: /\b(?:password|passwd|passphrase)["']?\s{0,2}[=:]\s{0,2}["']?([^\s"',;&{}()<>[\]]{8,200})/gi,
    isPhrase: true,
  },
  {
    what: 'a key',
    form: /\b(?:client[_-]?secret|api[_-]?key|access[_-]?token)["']?\s{0,2}[=:]\s{0,2}["']?([^\s"',;&{}()<>[\]]{12,200})/gi,
    isPhrase: true,
  },
  {
    what: 'a password in a URL',
    form: /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s:@/"']{1,64}:([^\s:@/"']{4,200})@[a-z0-9[]/gi,
    isPhrase: false,
  },
  {
    what: 'an authorization header',
    form: /\bauthorization["']?\s{0,2}[=:]\s{0,2}["']?(?:bearer|basic)\s+([\w+/.~=-]{12,4096})/gi,
    isPhrase: false,
  },
];

/** Stands in for a factor: stars and dots, a placeholder, a hash, the name of a file. */
const MASKED = /^(?:[*x.•#-]+$|(?:redacted|masked|hidden|filtered|secret|password)\b)/i;
const PLACEHOLDER = /^(?:[$%{<]|\.{0,2}\/|file:)/;
const HASHED = /^(?:sha\d|scram-|md5|pbkdf2|argon2|\$\d?[a-z]?\$)/i;
const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i;

/**
 * Kinds of authentication factors that stand readable in a text, each once; never the factor. It rather misses one than
 * takes a sentence about passwords for one: after `password=` counts only what holds letters and digits.
 */
export function credentialForms(text: string): readonly string[] {
  return FORMS.flatMap(({ what, form, isPhrase }) => {
    for (const [, factor = ''] of text.matchAll(form)) if (isFactor(factor, isPhrase)) return [what];
    return [];
  });
}

function isFactor(factor: string, isPhrase: boolean): boolean {
  if (MASKED.test(factor) || PLACEHOLDER.test(factor) || HASHED.test(factor) || UUID.test(factor)) return false;
  return !isPhrase || (/\d/.test(factor) && /[a-z]/i.test(factor));
}
