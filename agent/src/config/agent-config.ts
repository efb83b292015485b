import { parseArgs } from 'node:util';
import { type LinkProfileName, linkProfiles } from '@flotilla/shared/api/board-budget.js';
import { type NodeOperationAction, nodeOperationActions } from '@flotilla/shared/api/fleet/node-operation.js';
import { parseQuantity } from '@flotilla/shared/quantity/quantity.js';

/** A message for whoever typed the command. */
export class ConfigError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ConfigError';
  }
}

export interface Taint {
  readonly key: string;
  readonly value?: string;
  readonly effect: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
}

export interface AgentConfig {
  /** Addresses of the hub, the first first; `auto` stands for those that the local network names. */
  readonly hubs: readonly string[];
  readonly token: string | undefined;
  readonly tokenFile: string | undefined;
  readonly dataDir: string;
  /** A CONNECT proxy; may hold credentials. */
  readonly proxy: string | undefined;
  readonly nodeName: string | undefined;
  readonly runtime: 'podman' | 'containerd' | 'fake';
  /** A directory for podman's storage; the user's own storage when undefined. */
  readonly podmanStorage: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  /** Quantities that take the place of what was measured. */
  readonly capacity: Readonly<Record<string, string>>;
  /** What kind of link this board has; its Node's annotation takes its place. */
  readonly profile: LinkProfileName;
  /** Undefined is the profile's. */
  readonly keepAliveMs: number | undefined;
  /** Whether operators may open a shell of this machine. */
  readonly allowShell: boolean;
  /** Whose shell that is; the agent's own user when undefined. */
  readonly shellUser: string | undefined;
  /** What this board does not do, whoever asks. */
  readonly denyOperations: readonly NodeOperationAction[];
  /** What has the machine boot anew; what the system has when undefined. */
  readonly rebootCommand: readonly string[] | undefined;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
}

interface Option<Value> {
  readonly flag: string;
  readonly type: string;
  readonly fallback?: string;
  readonly description: string;
  /** May be given several times; the same as one list with commas. */
  readonly multiple?: true;
  /** Takes no value: given or not. */
  readonly isSwitch?: true;
  readonly parse: (text: string) => Value;
}

const runtimes = ['podman', 'containerd', 'fake'] as const;
const logLevels = ['debug', 'info', 'warn', 'error'] as const;
const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'] as const;

/** Every option of the agent, once: what it is called, what it takes, what it means. All need a restart. */
const options: { readonly [Name in keyof AgentConfig]: Option<AgentConfig[Name]> } = {
  hubs: {
    flag: 'hub',
    type: 'URL,…',
    fallback: '',
    description:
      'the hub, as https://HOST:6443; needed once, to join. Several addresses of one hub are tried in turn; auto asks the local network for it',
    multiple: true,
    parse: (text) => pairs(text).map(hubUrl),
  },
  token: {
    flag: 'token',
    type: 'TOKEN',
    description: 'a join token from `flotilla token create`; needed once',
    parse: (text) => text.trim(),
  },
  tokenFile: { flag: 'token-file', type: 'FILE', description: 'a file that holds the join token', parse: (text) => text },
  dataDir: {
    flag: 'data-dir',
    type: 'DIR',
    fallback: '/var/lib/flotilla-agent',
    description: 'where everything is kept',
    parse: (text) => text,
  },
  proxy: {
    flag: 'proxy',
    type: 'URL',
    description:
      'a proxy on the way to the hub, as http://[USER:PASSWORD@]HOST:PORT; HTTPS_PROXY by default, where NO_PROXY does not say otherwise',
    parse: proxyUrl,
  },
  nodeName: { flag: 'node-name', type: 'NAME', description: "the node's name in the cluster; the host name by default", parse: nodeName },
  runtime: {
    flag: 'runtime',
    type: runtimes.join('|'),
    fallback: 'podman',
    description: 'what runs the containers',
    parse: (text) => oneOf(runtimes, text),
  },
  podmanStorage: {
    flag: 'podman-storage',
    type: 'DIR',
    description: "a podman storage of the agent's own, for several boards on one machine; the user's storage by default",
    parse: (text) => text,
  },
  labels: { flag: 'node-labels', type: 'K=V,…', fallback: '', description: 'labels of the Node', parse: labels },
  taints: {
    flag: 'register-with-taints',
    type: 'K=V:EFFECT,…',
    fallback: '',
    description: 'taints the Node is registered with',
    parse: taints,
  },
  capacity: {
    flag: 'capacity',
    type: 'RESOURCE=QUANTITY,…',
    fallback: '',
    description: 'what the Node offers, in place of what was measured: cpu=4,memory=1Gi',
    parse: capacity,
  },
  profile: {
    flag: 'profile',
    type: linkProfiles.join('|'),
    fallback: 'default',
    description: 'what kind of link this board has: how much it may cost, and how often it is used',
    parse: (text) => oneOf(linkProfiles, text),
  },
  keepAliveMs: {
    flag: 'keep-alive',
    type: 'SECONDS',
    description:
      'between two signs of life on a silent line, 20 on most links and found by trying on metered ones; the hub takes the board for offline after 2.5 times this',
    parse: keepAlive,
  },
  denyOperations: {
    flag: 'deny-operations',
    type: 'ACTION,…',
    fallback: '',
    description: `what operations may not do on this board: ${nodeOperationActions.join(', ')}`,
    multiple: true,
    parse: (text) => pairs(text).map((action) => oneOf(nodeOperationActions, action)),
  },
  allowShell: {
    flag: 'allow-shell',
    type: '',
    isSwitch: true,
    description: 'let operators open a shell of this machine (`flotilla shell`); the hub cannot switch this on',
    parse: (text) => text === 'true',
  },
  shellUser: {
    flag: 'shell-user',
    type: 'USER',
    description: "whose shell that is; the agent's own user by default",
    parse: userName,
  },
  rebootCommand: {
    flag: 'reboot-command',
    type: 'COMMAND',
    description: 'the program, with arguments after spaces, that has the machine boot anew; `systemctl reboot` or /sbin/reboot by default',
    parse: words,
  },
  logLevel: {
    flag: 'log-level',
    type: logLevels.join('|'),
    fallback: 'info',
    description: 'the least that is logged',
    parse: (text) => oneOf(logLevels, text),
  },
};

/** @throws ConfigError that names the option and what it should be */
export function parseAgentConfig(argv: readonly string[]): AgentConfig {
  const all: readonly Option<unknown>[] = Object.values(options);
  const flags = Object.fromEntries(
    all.map(({ flag, multiple = false, isSwitch }) => [flag, { type: isSwitch ? ('boolean' as const) : ('string' as const), multiple }]),
  );
  let values: Record<string, unknown>;
  try {
    values = parseArgs({ args: [...argv], options: flags, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new ConfigError(error instanceof Error ? (error.message.split('. ')[0] ?? error.message) : String(error));
  }
  const read = ([name, option]: [string, Option<unknown>]): [string, unknown] => {
    const given = values[option.flag];
    if (option.isSwitch) return [name, option.parse(String(given ?? false))];
    const text = typeof given === 'string' ? given : Array.isArray(given) ? given.join(',') : option.fallback;
    if (text === undefined) return [name, undefined];
    try {
      return [name, option.parse(text)];
    } catch (error) {
      throw new ConfigError(`--${option.flag}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  return Object.fromEntries(Object.entries(options).map(read)) as unknown as AgentConfig;
}

/** The options as help text, one a line. */
export function agentHelp(): string {
  const left = Object.values(options).map(({ flag, type }) => `--${flag} ${type}`.trimEnd());
  const width = Math.max(...left.map(({ length }) => length));
  return Object.values(options)
    .map(({ description, fallback }, index) => `  ${left[index]?.padEnd(width)}  ${description}${fallback ? ` (${fallback})` : ''}\n`)
    .join('');
}

function hubUrl(text: string): string {
  if (text === 'auto') return text;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'https:' || !url.hostname) throw new Error(`${JSON.stringify(text)} is not an address like https://HOST:6443`);
  return text;
}

function proxyUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // Not repeated: it may hold a password.
  if (url?.protocol !== 'http:' || !url.hostname) throw new Error('this is not an address like http://USER:PASSWORD@HOST:PORT');
  return text;
}

const dnsSubdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const labelName = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

function nodeName(text: string): string {
  if (text.length > 253 || !dnsSubdomain.test(text)) {
    throw new Error(
      `${JSON.stringify(text)} is not a name: lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit`,
    );
  }
  return text;
}

function oneOf<Value extends string>(allowed: readonly Value[], text: string): Value {
  const found = allowed.find((value) => value === text);
  if (found === undefined) throw new Error(`${JSON.stringify(text)} is none of ${allowed.join(', ')}`);
  return found;
}

function keepAlive(text: string): number {
  const seconds = Number(text);
  if (!/^\d+$/.test(text) || seconds < 1 || seconds > 1200)
    throw new Error(`${JSON.stringify(text)} is not a number of seconds from 1 to 1200`);
  return seconds * 1000;
}

function userName(text: string): string {
  if (!/^[a-z_][-a-z0-9_.]{0,31}$/.test(text)) throw new Error(`${JSON.stringify(text)} is no name of a user`);
  return text;
}

function words(text: string): string[] {
  const found = text.split(' ').filter((word) => word !== '');
  if (found.length === 0) throw new Error('names no program');
  return found;
}

function pairs(text: string): string[] {
  return text.split(',').filter((part) => part !== '');
}

function qualifiedName(key: string): string {
  const slash = key.indexOf('/');
  const prefix = slash < 0 ? undefined : key.slice(0, slash);
  if (!labelName.test(key.slice(slash + 1)) || (prefix !== undefined && !dnsSubdomain.test(prefix)))
    throw new Error(`${JSON.stringify(key)} is not a key`);
  return key;
}

function keyValue(part: string): [string, string] {
  const equals = part.indexOf('=');
  if (equals < 1) throw new Error(`${JSON.stringify(part)} is not KEY=VALUE`);
  const value = part.slice(equals + 1);
  if (value !== '' && !labelName.test(value))
    throw new Error(`${JSON.stringify(value)} is not a value: at most 63 letters, digits, '-', '_' and '.'`);
  return [qualifiedName(part.slice(0, equals)), value];
}

function labels(text: string): Record<string, string> {
  return Object.fromEntries(pairs(text).map(keyValue));
}

function taints(text: string): Taint[] {
  return pairs(text).map((part) => {
    const colon = part.lastIndexOf(':');
    if (colon < 1) throw new Error(`${JSON.stringify(part)} is not KEY=VALUE:EFFECT`);
    const effect = oneOf(effects, part.slice(colon + 1));
    const head = part.slice(0, colon);
    if (!head.includes('=')) return { key: qualifiedName(head), effect };
    const [key, value] = keyValue(head);
    return { key, ...(value === '' ? {} : { value }), effect };
  });
}

function capacity(text: string): Record<string, string> {
  return Object.fromEntries(
    pairs(text).map((part) => {
      const equals = part.indexOf('=');
      if (equals < 1) throw new Error(`${JSON.stringify(part)} is not RESOURCE=QUANTITY`);
      const quantity = part.slice(equals + 1);
      parseQuantity(quantity);
      return [qualifiedName(part.slice(0, equals)), quantity];
    }),
  );
}
