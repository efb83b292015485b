import { labelKeyFaults } from '@flotilla/shared/meta/label-rules.js';

export { labelValueFaults } from '@flotilla/shared/meta/label-rules.js';

/**
 * The names of the Kubernetes API (apimachinery, util/validation). Each rule answers with the faults in Kubernetes' words;
 * an empty list means that the value is good.
 */

const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const subdomain = `${label}(\\.${label})*`;

const labelPattern = new RegExp(`^${label}$`);
const subdomainPattern = new RegExp(`^${subdomain}$`);

const subdomainWords =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
const labelWords =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";

/** A fault of form, with examples and the regular expression, as `validation.RegexError` writes it. */
export function regexError(words: string, pattern: string, ...examples: string[]): string {
  const shown = examples.map((example) => `'${example}', `).join(' or ');
  return `${words} (${shown ? `e.g. ${shown}` : ''}regex used for validation is '${pattern}')`;
}

const maxLength = (length: number): string => `must be no more than ${length} characters`;
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

const serviceLabel = '[a-z]([-a-z0-9]*[a-z0-9])?';
const serviceLabelPattern = new RegExp(`^${serviceLabel}$`);
const serviceLabelWords =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";

/** A label of RFC 1035: it begins with a letter. */
function dns1035Label(value: string): string[] {
  const faults = byteLength(value) > 63 ? [maxLength(63)] : [];
  if (!serviceLabelPattern.test(value)) faults.push(regexError(serviceLabelWords, serviceLabel, 'my-name', 'abc-123'));
  return faults;
}

export function dnsSubdomain(value: string): string[] {
  const faults = byteLength(value) > 253 ? [maxLength(253)] : [];
  if (!subdomainPattern.test(value)) faults.push(regexError(subdomainWords, subdomain, 'example.com'));
  return faults;
}

const searchLabel = '[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
const search = `_?${searchLabel}(\\._?${searchLabel})*`;
const searchPattern = new RegExp(`^${search}$`);

/** A search domain of DNS: underscores are taken too. */
export function dnsSearch(value: string): string[] {
  const faults = byteLength(value) > 253 ? [maxLength(253)] : [];
  const words = subdomainWords.replace("'-' or '.'", "'_', '-' or '.'");
  if (!searchPattern.test(value)) faults.push(regexError(words, search, 'example.com'));
  return faults;
}

/** `name` or `prefix.example.com/name`: keys of labels, annotations, finalizers, resources. */
export const qualifiedName = labelKeyFaults;

/** What any name must be so that it can stand in a URL path. */
export function pathSegment(value: string, prefix = false): string[] {
  if (!prefix && (value === '.' || value === '..')) return [`may not be '${value}'`];
  return ['/', '%'].filter((bad) => value.includes(bad)).map((bad) => `may not contain '${bad}'`);
}

/** What `generateName` holds: a suffix is still to come, so a dash at its end is fine. */
function maskTrailingDash(name: string): string {
  return name.length > 1 && name.endsWith('-') ? `${name.slice(0, -2)}a` : name;
}

/** The rule for the name of a kind; `prefix` when a suffix will be appended. */
export type NameRule = (name: string, prefix: boolean) => string[];

export const subdomainName: NameRule = (name, prefix) => dnsSubdomain(prefix ? maskTrailingDash(name) : name);
export const labelName: NameRule = (name, prefix) => dnsLabel(prefix ? maskTrailingDash(name) : name);
export const serviceName: NameRule = (name, prefix) => dns1035Label(prefix ? maskTrailingDash(name) : name);

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

/** Whether this is an IPv4 or IPv6 address as Go's parser takes it: no leading zeros, no zone. */
export function isIpAddress(text: string): boolean {
  return isIpv4(text) || isIpv6(text);
}

function isIpv4(text: string): boolean {
  const parts = text.split('.');
  return parts.length === 4 && parts.every((part) => /^(0|[1-9][0-9]{0,2})$/.test(part) && Number(part) <= 255);
}

function isIpv6(text: string): boolean {
  const [head = '', tail, ...more] = text.split('::');
  if (more.length > 0 || !text.includes(':')) return false;
  const groups = [...(head ? head.split(':') : []), ...(tail ? tail.split(':') : [])];
  const last = groups.at(-1) ?? '';
  const embedded = last.includes('.');
  if (embedded && !isIpv4(last)) return false;
  const count = groups.length + (embedded ? 1 : 0);
  const hex = embedded ? groups.slice(0, -1) : groups;
  return hex.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group)) && (tail === undefined ? count === 8 : count < 8);
}
