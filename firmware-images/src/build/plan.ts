import { createHash } from 'node:crypto';
import type { Board, BootFileSpec, FileSpec, Layer, Layout } from './definition.ts';

/** Everything an image is made of, with no variable left in it: a function of board, layers and layout alone. */
export interface ImagePlan {
  readonly board: string;
  readonly description: string;
  readonly imagerTags: readonly string[];
  readonly architecture: Board['architecture'];
  readonly layout: Layout;
  /** Sorted. */
  readonly packages: readonly string[];
  /** Of Debian's archive, besides main; sorted. */
  readonly components: readonly string[];
  readonly kernelArguments: string;
  readonly files: readonly FileSpec[];
  readonly bootFiles: readonly BootFileSpec[];
  readonly enable: readonly string[];
  readonly mask: readonly string[];
  readonly agentBundle: boolean;
}

export interface PlanInput {
  readonly board: Board;
  readonly layers: readonly Layer[];
  readonly layout: Layout;
}

/** @throws Error when something that is required is not provided before it, is there twice, or a variable is wrong */
export function planImage({ board, layers, layout }: PlanInput): ImagePlan {
  const provided = new Set<string>();
  for (const { name, requires, provides } of layers) {
    // What two layers of one board do for each other is written in their order.
    const missing = requires.filter((need) => !provided.has(need) && !layers.some((other) => other.provides.includes(need)));
    if (missing.length > 0)
      throw new Error(`board ${board.name}: layer ${name} requires ${missing.join(', ')}, which no layer of it provides`);
    for (const one of provides) {
      if (provided.has(one)) throw new Error(`board ${board.name}: ${one} is provided twice, the second time by layer ${name}`);
      provided.add(one);
    }
  }
  const variables = { ...variablesOf(board, layers), architecture: board.architecture };
  const kernelArguments = fill([...layers.flatMap((layer) => layer.kernelArguments ?? []), ...board.kernelArguments].join(' '), variables);
  const all = { ...variables, kernelArguments };
  const files = layers.flatMap((layer) => layer.files ?? []).map((file) => ({ ...file, lines: file.lines.map((line) => fill(line, all)) }));
  const bootFiles = layers
    .flatMap((layer) => layer.bootFiles ?? [])
    .map(({ path, from, lines }) => ({
      path: fill(path, all),
      ...(from === undefined ? {} : { from: fill(from, all) }),
      ...(lines === undefined ? {} : { lines: lines.map((line) => fill(line, all)) }),
    }));
  once(files, `board ${board.name}: the file`);
  once(bootFiles, `board ${board.name}: the boot file`);
  checkLayout(layout);
  const sorted = (of: (layer: Layer) => readonly string[] | undefined): string[] =>
    [...new Set(layers.flatMap((layer) => of(layer) ?? []))].sort();
  return {
    board: board.name,
    description: board.description,
    imagerTags: board.imagerTags ?? [],
    architecture: board.architecture,
    layout,
    packages: [...new Set([...sorted((layer) => layer.packages), ...board.packages])].sort(),
    components: sorted((layer) => layer.components),
    kernelArguments,
    files,
    bootFiles,
    enable: sorted((layer) => layer.enable),
    mask: sorted((layer) => layer.mask),
    agentBundle: layers.some((layer) => layer.agentBundle),
  };
}

function variablesOf(board: Board, layers: readonly Layer[]): Record<string, string> {
  const specs = new Map(layers.flatMap((layer) => Object.entries(layer.variables ?? {})));
  const stray = Object.keys(board.variables).find((name) => !specs.has(name));
  if (stray !== undefined)
    throw new Error(`board ${board.name}: no layer of it has a variable ${stray}; there are: ${[...specs.keys()].join(', ')}`);
  const values = [...specs].map(([name, { type, default: fallback }]) => {
    const value = board.variables[name] ?? fallback;
    if (value === undefined) throw new Error(`board ${board.name}: the variable ${name} has no value`);
    const fits = type === 'integer' ? Number.isSafeInteger(value) : typeof value === type;
    if (!fits) throw new Error(`board ${board.name}: the variable ${name} is ${JSON.stringify(value)}, which is no ${type}`);
    return [name, String(value)] as const;
  });
  return Object.fromEntries(values);
}

function fill(line: string, variables: Readonly<Record<string, string>>): string {
  return line.replaceAll(/\$\{([a-z][A-Za-z0-9]*)\}/g, (_, name: string) => {
    const value = variables[name];
    if (value === undefined) throw new Error(`there is no variable ${name} for ${JSON.stringify(line)}`);
    return value;
  });
}

function once(files: readonly { readonly path: string }[], what: string): void {
  const twice = files.find(({ path }, index) => files.findIndex((other) => other.path === path) !== index);
  if (twice) throw new Error(`${what} ${twice.path} is there twice`);
}

function checkLayout({ name, table, partitions }: Layout): void {
  for (const content of ['boot', 'root'] as const)
    if (partitions.filter((one) => one.content === content).length !== 1)
      throw new Error(`layout ${name}: there must be one ${content} partition`);
  if (table === 'mbr' && partitions.length > 4) throw new Error(`layout ${name}: a master boot record has room for four partitions`);
  const sizeless = partitions.find((one) => one.content !== 'root' && one.sizeMib === undefined);
  if (sizeless) throw new Error(`layout ${name}: partition ${sizeless.name} needs a sizeMib`);
}

/** The same for the same inputs, on any machine; hex. */
export function contentHash(...inputs: readonly (string | Buffer | object)[]): string {
  const hash = createHash('sha256');
  for (const input of inputs) {
    const bytes = Buffer.isBuffer(input) ? input : Buffer.from(typeof input === 'string' ? input : JSON.stringify(input));
    hash.update(`${bytes.length}\n`).update(bytes);
  }
  return hash.digest('hex');
}

/** A UUID made from a hash and a purpose: for partitions and file systems, which must not differ from build to build. */
export function contentUuid(hash: string, purpose: string): string {
  const bytes = Buffer.from(contentHash(hash, purpose).slice(0, 32), 'hex');
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
