/**
 * The names of the Kubernetes API (apimachinery, util/validation). Each rule answers with the faults in Kubernetes' words;
 * an empty list means that the value is good.
 */

const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const subdomain = `${label}(\\.${label})*`;
const qualifiedPart = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const labelValue = `(${qualifiedPart})?`;

const labelPattern = new RegExp(`^${label}$`);
const subdomainPattern = new RegExp(`^${subdomain}$`);
const qualifiedPattern = new RegExp(`^${qualifiedPart}$`);
const labelValuePattern = new RegExp(`^${labelValue}$`);

const subdomainWords =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
const labelWords =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
const qualifiedWords = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const labelValueWords =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

/** A fault of form, with examples and the regular expression, as `validation.RegexError` writes it. */
export function regexError(words: string, pattern: string, ...examples: string[]): string {
  const shown = examples.map((example) => `'${example}', `).join(' or ');
  return `${words} (${shown ? `e.g. ${shown}` : ''}regex used for validation is '${pattern}')`;
}

export const maxLength = (length: number): string => `must be no more than ${length} characters`;
export const inclusiveRange = (low: number, high: number): string => `must be between ${low} and ${high}, inclusive`;

/** Lengths count bytes of UTF-8, as Go's `len` does. */
export function byteLength(text: string): number {
  return Buffer.byteLength(text, 'utf8');
}

export function dnsLabel(value: string): string[] {
  const faults = byteLength(value) > 63 ? [maxLength(63)] : [];
  if (labelPattern.test(value)) return faults;
  faults.push(subdomainPattern.test(value) ? 'must not contain dots' : regexError(labelWords, label, 'my-name', '123-abc'));
  return faults;
}

export function dnsSubdomain(value: string): string[] {
  const faults = byteLength(value) > 253 ? [maxLength(253)] : [];
  if (!subdomainPattern.test(value)) faults.push(regexError(subdomainWords, subdomain, 'example.com'));
  return faults;
}

/** `name` or `prefix.example.com/name`: keys of labels, annotations, finalizers, resources. */
export function qualifiedName(value: string): string[] {
  const parts = value.split('/');
  if (parts.length > 2) {
    const rule = regexError(qualifiedWords, qualifiedPart, 'MyName', 'my.name', '123-abc');
    return [`a qualified name ${rule} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  }
  const faults: string[] = [];
  const [prefix, name] = parts.length === 2 ? [parts[0] ?? '', parts[1] ?? ''] : [undefined, parts[0] ?? ''];
  if (prefix === '') faults.push('prefix part must be non-empty');
  else if (prefix !== undefined) faults.push(...dnsSubdomain(prefix).map((fault) => `prefix part ${fault}`));
  if (name === '') faults.push('name part must be non-empty');
  else if (byteLength(name) > 63) faults.push(`name part ${maxLength(63)}`);
  if (!qualifiedPattern.test(name)) faults.push(`name part ${regexError(qualifiedWords, qualifiedPart, 'MyName', 'my.name', '123-abc')}`);
  return faults;
}

export function labelValueFaults(value: string): string[] {
  const faults = byteLength(value) > 63 ? [maxLength(63)] : [];
  if (!labelValuePattern.test(value)) faults.push(regexError(labelValueWords, labelValue, 'MyValue', 'my_value', '12345'));
  return faults;
}

/** What any name must be so that it can stand in a URL path. */
export function pathSegment(value: string, prefix = false): string[] {
  if (!prefix && (value === '.' || value === '..')) return [`may not be '${value}'`];
  return ['/', '%'].filter((bad) => value.includes(bad)).map((bad) => `may not contain '${bad}'`);
}

/** What `generateName` holds: a suffix is still to come, so a dash at its end is fine. */
export function maskTrailingDash(name: string): string {
  return name.length > 1 && name.endsWith('-') ? `${name.slice(0, -2)}a` : name;
}

/** The rule for the name of a kind; `prefix` when a suffix will be appended. */
export type NameRule = (name: string, prefix: boolean) => string[];

export const subdomainName: NameRule = (name, prefix) => dnsSubdomain(prefix ? maskTrailingDash(name) : name);
export const labelName: NameRule = (name, prefix) => dnsLabel(prefix ? maskTrailingDash(name) : name);

/** A name of a port: `http`, `metrics-1`. */
export function portName(value: string): string[] {
  const faults: string[] = [];
  if (byteLength(value) > 15) faults.push(maxLength(15));
  if (!/^[-a-z0-9]+$/.test(value)) faults.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  if (!/[a-z]/.test(value)) faults.push('must contain at least one letter (a-z)');
  if (value.includes('--')) faults.push('must not contain consecutive hyphens');
  if (value.startsWith('-') || value.endsWith('-')) faults.push('must not begin or end with a hyphen');
  return faults;
}

export const portNumber = (port: number): string[] =>
  Number.isInteger(port) && port >= 1 && port <= 65535 ? [] : [inclusiveRange(1, 65535)];

export function userId(id: number): string[] {
  return Number.isInteger(id) && id >= 0 && id <= 2 ** 31 - 1 ? [] : [inclusiveRange(0, 2 ** 31 - 1)];
}

/** Since Kubernetes 1.34 any printable ASCII but `=` names an environment variable. */
export function envVarName(value: string): string[] {
  if (value.length === 0) return ['environment variable name must be non-empty'];
  return /^[ -<>-~]+$/.test(value)
    ? []
    : ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}

export function configMapKey(value: string): string[] {
  const faults = byteLength(value) > 253 ? [maxLength(253)] : [];
  if (!/^[-._a-zA-Z0-9]+$/.test(value)) {
    faults.push(
      regexError(
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
        '[-._a-zA-Z0-9]+',
        'key.name',
        'KEY_NAME',
        'key-name',
      ),
    );
  }
  if (value === '.') faults.push("must not be '.'");
  if (value === '..') faults.push("must not be '..'");
  else if (value.startsWith('..')) faults.push("must not start with '..'");
  return faults;
}
