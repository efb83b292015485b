/** Boards, layers and layouts as their files say them: one JSON file each in `boards`, `layers` and `layouts`. */
export interface VariableSpec {
  readonly type: 'string' | 'integer' | 'boolean';
  /** Must be set by a board when there is none. */
  readonly default?: string | number | boolean;
  readonly description: string;
}

export interface FileSpec {
  readonly path: string;
  /** Octal; 644 when left out. */
  readonly mode?: string;
  readonly lines: readonly string[];
  /** Packages read it while they are installed: another one makes another root file system, where others are only laid over it. */
  readonly early?: boolean;
}

/**
 * A file of the boot partition: taken out of the root file system, or written here. A `*` in `from` stands for any part of a name; where
 * `path` ends with `/`, every file that fits goes into that folder (`./` is the root), else there must be one.
 */
export interface BootFileSpec {
  readonly path: string;
  readonly from?: string;
  readonly lines?: readonly string[];
}

export interface Layer {
  readonly name: string;
  readonly description: string;
  readonly requires: readonly string[];
  readonly provides: readonly string[];
  readonly packages?: readonly string[];
  /** Parts of Debian's archive that packages come from besides main. */
  readonly components?: readonly string[];
  readonly variables?: Readonly<Record<string, VariableSpec>>;
  readonly kernelArguments?: readonly string[];
  readonly files?: readonly FileSpec[];
  readonly bootFiles?: readonly BootFileSpec[];
  /** Units of systemd that start, and that never do. */
  readonly enable?: readonly string[];
  readonly mask?: readonly string[];
  /** The agent and its Node go into this image. */
  readonly agentBundle?: boolean;
}

export interface Board {
  readonly name: string;
  readonly description: string;
  readonly architecture: 'amd64' | 'arm64';
  readonly layout: string;
  /** In the order in which they are applied: each after those that it requires. */
  readonly layers: readonly string[];
  readonly packages: readonly string[];
  readonly kernelArguments: readonly string[];
  readonly variables: Readonly<Record<string, string | number | boolean>>;
  /** What Raspberry Pi Imager calls boards that this image is for. */
  readonly imagerTags?: readonly string[];
}

export interface LayoutPartition {
  readonly name: string;
  readonly type: 'esp' | 'fat' | 'linux';
  readonly content: 'boot' | 'root' | 'data' | 'empty';
  /** Exactly; a root file system without one is as large as what is in it, and spare. */
  readonly sizeMib?: number;
  readonly spareMib?: number;
}

export interface Layout {
  readonly name: string;
  readonly description: string;
  readonly table: 'gpt' | 'mbr';
  readonly partitions: readonly LayoutPartition[];
}

type Check = (value: unknown) => string | undefined;

const text: Check = (value) => (typeof value === 'string' && value !== '' ? undefined : 'is not a text');
const flag: Check = (value) => (typeof value === 'boolean' ? undefined : 'is not true or false');
const size: Check = (value) => (Number.isSafeInteger(value) && Number(value) > 0 ? undefined : 'is not a whole number above 0');
const anyOf =
  (...allowed: readonly string[]): Check =>
  (value) =>
    allowed.includes(value as string) ? undefined : `is none of ${allowed.join(', ')}`;
const pattern =
  (form: RegExp, what: string): Check =>
  (value) =>
    typeof value === 'string' && form.test(value) ? undefined : `is not ${what}`;
const listOf =
  (check: Check): Check =>
  (value) => {
    if (!Array.isArray(value)) return 'is not a list';
    const [first] = value.map((item, index) => [index, check(item)] as const).filter(([, fault]) => fault !== undefined);
    return first && `[${first[0]}]${joined(first[1])}`;
  };
const mapOf =
  (check: Check): Check =>
  (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'is not an object';
    const [first] = Object.entries(value)
      .map(([key, item]) => [key, check(item)] as const)
      .filter(([, fault]) => fault !== undefined);
    return first && `.${first[0]}${joined(first[1])}`;
  };
/** A fault behind the name of what it is in. */
const joined = (fault = ''): string => (/^[.[]/.test(fault) ? fault : ` ${fault}`);
interface FieldCheck {
  readonly check: Check;
  readonly optional?: true;
}
const objectOf =
  (fields: Readonly<Record<string, FieldCheck | Check>>): Check =>
  (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'is not an object';
    const unknown = Object.keys(value).find((key) => !(key in fields));
    if (unknown !== undefined) return `.${unknown} is no field; there are: ${Object.keys(fields).join(', ')}`;
    for (const [key, field] of Object.entries(fields)) {
      const { check, optional } = typeof field === 'function' ? { check: field, optional: undefined } : field;
      const item = (value as Record<string, unknown>)[key];
      if (item === undefined && optional) continue;
      const fault = item === undefined ? 'is missing' : check(item);
      if (fault) return `.${key}${joined(fault)}`;
    }
    return undefined;
  };
const optional = (check: Check): FieldCheck => ({ check, optional: true });

const name = pattern(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, 'a name of lower-case letters, digits and -');
const packageName = pattern(/^[a-z0-9][a-z0-9.+-]+$/, 'the name of a Debian package');
const path = pattern(/^\/(?!.*(^|\/)\.\.(\/|$))\S+$/, 'an absolute path');
const bootPath = pattern(/^(?!\/)(?!.*(^|\/)\.\.(\/|$))\S+$/, 'a path from the root of the boot partition');
const lines = listOf((value) => (typeof value === 'string' && !value.includes('\n') ? undefined : 'is not one line'));
const unit = pattern(/^[A-Za-z0-9@._-]+\.(service|timer|socket|path|mount|target)$/, 'a unit of systemd');
const variableName = /^[a-z][A-Za-z0-9]*$/;
const variableSpec = objectOf({
  type: anyOf('string', 'integer', 'boolean'),
  default: optional((value) => (['string', 'number', 'boolean'].includes(typeof value) ? undefined : 'is not a value')),
  description: text,
});

const checks = {
  boards: objectOf({
    name,
    description: text,
    architecture: anyOf('amd64', 'arm64'),
    layout: name,
    layers: listOf(name),
    packages: listOf(packageName),
    kernelArguments: listOf(text),
    imagerTags: optional(listOf(text)),
    variables: mapOf((value) => (['string', 'number', 'boolean'].includes(typeof value) ? undefined : 'is not a value')),
  }),
  layers: objectOf({
    name,
    description: text,
    requires: listOf(name),
    provides: listOf(name),
    packages: optional(listOf(packageName)),
    components: optional(listOf(anyOf('contrib', 'non-free-firmware', 'non-free'))),
    variables: optional((value) => {
      const wrong = typeof value === 'object' && value !== null ? Object.keys(value).find((key) => !variableName.test(key)) : undefined;
      return wrong === undefined ? mapOf(variableSpec)(value) : `.${wrong} is no name of a variable`;
    }),
    kernelArguments: optional(listOf(text)),
    files: optional(listOf(objectOf({ path, mode: optional(pattern(/^[0-7]{3}$/, 'a mode like 644')), lines, early: optional(flag) }))),
    bootFiles: optional(listOf(objectOf({ path: bootPath, from: optional(path), lines: optional(lines) }))),
    enable: optional(listOf(unit)),
    mask: optional(listOf(unit)),
    agentBundle: optional(flag),
  }),
  layouts: objectOf({
    name,
    description: text,
    table: anyOf('gpt', 'mbr'),
    partitions: listOf(
      objectOf({
        name,
        type: anyOf('esp', 'fat', 'linux'),
        content: anyOf('boot', 'root', 'data', 'empty'),
        sizeMib: optional(size),
        spareMib: optional(size),
      }),
    ),
  }),
} as const;

interface Definitions {
  readonly boards: Board;
  readonly layers: Layer;
  readonly layouts: Layout;
}

/** @throws Error that names the file and the field */
export function parseDefinition<Kind extends keyof Definitions>(kind: Kind, expectedName: string, json: string): Definitions[Kind] {
  const where = `${kind}/${expectedName}.json`;
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new Error(`${where} is not JSON: ${(error as Error).message}`, { cause: error });
  }
  const fault = checks[kind](value);
  if (fault) throw new Error(`${where}: ${fault.replace(/^[. ]+/, '')}`);
  const found = value as Definitions[Kind];
  if (found.name !== expectedName) throw new Error(`${where}: name is ${JSON.stringify(found.name)}: a file is called as what is in it`);
  return found;
}
