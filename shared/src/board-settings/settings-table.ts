import { labelKeyFaults, labelValueFaults } from '../meta/label-rules.ts';
import { nodeNameFault, parseJoinToken } from '../protocol/join.ts';
import { isAddress, isAddressWithPrefix } from './addresses.ts';

/** One setting of a board: a line of its settings file, a flag of `flotilla image configure`, a column of a list of devices. */
export interface Setting {
  readonly name: string;
  /** What help text calls its value. */
  readonly value: string;
  readonly description: string;
  /** May be given several times. */
  readonly many?: true;
  /** Never shown; erased from the card once the board has joined. */
  readonly secret?: true;
  /** Its flag names a file that holds it: others see a command line. */
  readonly inFile?: true;
  /** Why this is no value of it; undefined when it is one. Never repeats the value of a secret. */
  readonly fault: (text: string) => string | undefined;
}

/** Every setting, once, in the order in which they are written and shown. */
export const boardSettings: readonly Setting[] = [
  {
    name: 'hub',
    value: 'URL',
    many: true,
    description:
      'the hub, as https://HOST:6443, or auto: the one on this network that the token is from; several addresses are tried in turn',
    fault: (text) => (text === 'auto' || isUrl(text, ['https:']) ? undefined : 'is not an address like https://HOST:6443'),
  },
  {
    name: 'token',
    value: 'TOKEN',
    secret: true,
    inFile: true,
    description: 'the join token of this board; erased once it has joined',
    fault: (text) => (parseJoinToken(text) ? undefined : 'is not a join token: one has the form f1.ID.SECRET.PIN'),
  },
  { name: 'hostname', value: 'NAME', description: "the board's name, in its network and in the cluster", fault: hostnameFault },
  {
    name: 'wifi',
    value: 'SSID',
    description: 'the wireless network',
    fault: (text) => (Buffer.byteLength(text) <= 32 ? undefined : 'is longer than the 32 bytes that the name of a wireless network has'),
  },
  {
    name: 'wifi-password',
    value: 'PASSWORD',
    secret: true,
    inFile: true,
    description: 'its password; an open network when left out',
    fault: (text) =>
      /^[\x20-\x7e]{8,63}$/.test(text) || /^[0-9a-fA-F]{64}$/.test(text) ? undefined : 'is not 8 to 63 letters, or a key of 64 hex digits',
  },
  {
    name: 'wifi-country',
    value: 'CC',
    description: 'where the board stands, as DE or US: the law says which channels it may use',
    fault: (text) => (/^[A-Z]{2}$/.test(text) ? undefined : 'is not the two capital letters of a country'),
  },
  { name: 'label', value: 'KEY=VALUE', many: true, description: 'a label of its Node', fault: labelFault },
  { name: 'taint', value: 'KEY=VALUE:EFFECT', many: true, description: 'a taint its Node is registered with', fault: taintFault },
  {
    name: 'timezone',
    value: 'ZONE',
    description: 'its time zone, as Europe/Berlin; UTC when left out',
    fault: (text) => (isTimeZone(text) ? undefined : 'is not a time zone like Europe/Berlin'),
  },
  {
    name: 'ssh-key',
    value: 'KEY',
    many: true,
    description: 'a public key that may log in over SSH; SSH stays off without one',
    fault: (text) =>
      /^(ssh-(ed25519|rsa)|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) [A-Za-z0-9+/]{40,}={0,2}( \S.*)?$/.test(
        text,
      )
        ? undefined
        : 'is not a public key as in a .pub file',
  },
  {
    name: 'static-ip',
    value: 'ADDRESS/PREFIX',
    description: 'a fixed address, as 192.168.1.20/24; by DHCP when left out',
    fault: (text) => (isAddressWithPrefix(text) ? undefined : 'is not an address with its prefix, like 192.168.1.20/24'),
  },
  { name: 'gateway', value: 'ADDRESS', description: 'the router, with a fixed address', fault: addressFault },
  { name: 'dns', value: 'ADDRESS', many: true, description: 'a name server, with a fixed address', fault: addressFault },
  {
    name: 'proxy',
    value: 'URL',
    // It may hold a password.
    secret: true,
    description: 'a proxy on the way to the hub, as http://[USER:PASSWORD@]HOST:PORT',
    fault: (text) => (isUrl(text, ['http:']) ? undefined : 'is not an address like http://USER:PASSWORD@HOST:PORT'),
  },
  {
    name: 'preload-image',
    value: 'IMAGE',
    many: true,
    description: 'a container image that is fetched before the first pod wants it',
    fault: (text) =>
      /^[a-z0-9]([-a-z0-9._:/]*[a-z0-9])?(:[\w][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?$/.test(text)
        ? undefined
        : 'is not the name of an image',
  },
  {
    name: 'profile',
    value: 'PROFILE',
    description: 'what kind of link the board has: lan, metered, …',
    fault: (text) => (/^[a-z][a-z0-9-]{0,31}$/.test(text) ? undefined : 'is not the name of a profile'),
  },
];

const byName = new Map(boardSettings.map((setting) => [setting.name, setting]));

export function settingNamed(name: string): Setting | undefined {
  return byName.get(name);
}

/** A line of text that one line of the file can hold. */
export function textFault(text: string): string | undefined {
  if (text === '') return 'has no value';
  if (text.length > 4096) return 'is longer than 4096 characters';
  return /[\u0000-\u001f\u007f]/.test(text) ? 'holds a control character' : undefined;
}

function hostnameFault(text: string): string | undefined {
  const fault = nodeNameFault(text);
  if (fault) return `is not a name: ${fault}`;
  return text.split('.').some((part) => part.length > 63) || text.length > 64
    ? 'is longer than a host name may be: 64 characters, 63 between two dots'
    : undefined;
}

function labelFault(text: string): string | undefined {
  const equals = text.indexOf('=');
  if (equals < 1) return 'is not KEY=VALUE';
  const [fault] = [...labelKeyFaults(text.slice(0, equals)), ...labelValueFaults(text.slice(equals + 1))];
  return fault;
}

function taintFault(text: string): string | undefined {
  const colon = text.lastIndexOf(':');
  if (colon < 1) return 'is not KEY=VALUE:EFFECT';
  if (!['NoSchedule', 'PreferNoSchedule', 'NoExecute'].includes(text.slice(colon + 1)))
    return 'does not end with an effect: NoSchedule, PreferNoSchedule or NoExecute';
  const head = text.slice(0, colon);
  return labelFault(head.includes('=') ? head : `${head}=`);
}

function addressFault(text: string): string | undefined {
  return isAddress(text) ? undefined : 'is not an IP address';
}

function isUrl(text: string, protocols: readonly string[]): boolean {
  if (!URL.canParse(text) || /\s/.test(text)) return false;
  const { protocol, hostname } = new URL(text);
  return protocols.includes(protocol) && hostname !== '';
}

function isTimeZone(text: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: text });
    return /^[A-Za-z]/.test(text);
  } catch {
    return false;
  }
}
