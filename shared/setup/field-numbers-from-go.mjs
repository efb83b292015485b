import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Reads the numbers of the fields from the struct tags of the Kubernetes API's published Go types and writes
 * `hub/src/apiserver/protobuf/field-numbers.ts`. To be run by hand when the version of the API changes:
 * `node shared/setup/field-numbers-from-go.mjs API_DIR APIMACHINERY_DIR`, the directories of the modules k8s.io/api and
 * k8s.io/apimachinery.
 */

const groups = [
  'apps',
  'authentication',
  'authorization',
  'autoscaling',
  'batch',
  'coordination',
  'core',
  'discovery',
  'events',
  'policy',
  'rbac',
];

/** Messages of `meta` that stand in no other. */
const metaRoots = ['DeleteOptions', 'ListMeta', 'PartialObjectMetadata', 'Status', 'WatchEvent'];

/** Go types with a form of their own, by the name they have outside their package. */
const special = {
  string: 's',
  bool: 'b',
  int32: 'i',
  int64: 'l',
  '[]byte': 'y',
  '[]string': 'v',
  'meta.Time': 't',
  'meta.MicroTime': 'u',
  'resource.Quantity': 'q',
  'intstr.IntOrString': 'o',
  'meta.FieldsV1': 'j',
  'runtime.RawExtension': 'r',
};

const imports = { v1: 'core', metav1: 'meta', corev1: 'core', types: 'strings' };

/** The types of a package: structs with their tagged fields, and what other names stand for. */
export function readTypes(source) {
  const structs = new Map();
  const names = new Map();
  let struct;
  for (const line of source.split('\n')) {
    const begun = /^type (\w+) struct \{$/.exec(line);
    if (begun) {
      struct = [];
      structs.set(begun[1], struct);
    } else if (line === '}') struct = undefined;
    else if (struct) {
      const field = readField(line);
      if (field) struct.push(field);
    } else {
      const named = /^type (\w+) =? ?([\w.[\]]+)/.exec(line);
      if (named) names.set(named[1], named[2]);
    }
  }
  return { structs, names };
}

const tagged = /^\t(?:(\w+)\s+)?(\*?)((?:map\[[\w.]+\])?(?:\[\])?)([\w.]+)\s+`(.*)`/;

function readField(line) {
  const match = tagged.exec(line);
  const number = /protobuf:"\w+,(\d+),/.exec(match?.[5] ?? '')?.[1];
  if (!match || !number) return undefined;
  const [, , pointer, shape, type, tags] = match;
  const [json = '', ...flags] = (/json:"([^"]*)"/.exec(tags)?.[1] ?? '').split(',');
  const name = json === '' && flags.includes('inline') ? '.' : json;
  return { name, pointer: pointer === '*', shape, type, number: Number(number) };
}

/** The table's lines: every message that the kinds of the groups are made of. */
export function tableOf(packages) {
  const lines = new Map();
  const typeOf = (group, type) => {
    if (type === 'byte') return 'byte';
    const [from, name] = type.includes('.') ? type.split('.') : [group, type];
    const home = imports[from] ?? from;
    if (home === 'strings') return 's';
    const full = `${home}.${name}`;
    if (special[type] ?? special[full]) return special[type] ?? special[full];
    const other = packages.get(home)?.names.get(name);
    if (other?.startsWith('map[')) return `%${typeOf(home, other.slice(other.indexOf(']') + 1))}`;
    if (other) return special[other] ?? typeOf(home, other);
    add(full);
    return home === group ? `:${name}` : `:${full}`;
  };
  const write = (group, { name, pointer, shape, type, number }) => {
    const own = typeOf(group, type);
    const isBytes = own === 'byte';
    // Of these a missing one is no empty one, whatever Go's type is.
    const mark = pointer || own === 'j' ? '?' : '';
    return `${name}${mark}=${number}${shape.startsWith('map') ? '%' : shape === '[]' && !isBytes ? '*' : ''}${isBytes ? 'y' : own}`;
  };
  const add = (full) => {
    if (lines.has(full)) return;
    const [group, name] = full.split('.');
    const struct = packages.get(group)?.structs.get(name);
    if (!struct) throw new Error(`there is no struct ${full}`);
    lines.set(full, '');
    const fields = [...struct].sort((a, b) => a.number - b.number).map((field) => write(group, field));
    lines.set(full, [full, ...fields].join(' '));
  };
  for (const name of metaRoots) add(`meta.${name}`);
  for (const group of groups) {
    for (const [name, fields] of packages.get(group)?.structs ?? []) {
      const isKind = fields.some((field) => field.name === 'metadata' && field.type === 'metav1.ObjectMeta');
      if (isKind) add(`${group}.${name}`);
    }
  }
  return [...lines.values()].sort().join('\n');
}

function main([api, machinery]) {
  const read = (dir) => {
    const files = readdirSync(dir).filter((file) => /^types(_\w+)?\.go$/.test(file) || file === 'watch.go');
    return readTypes(files.map((file) => readFileSync(join(dir, file), 'utf8')).join('\n'));
  };
  const packages = new Map(groups.map((group) => [group, read(join(api, group, 'v1'))]));
  packages.set('meta', read(join(machinery, 'pkg/apis/meta/v1')));
  const target = join(dirname(fileURLToPath(import.meta.url)), '../../hub/src/apiserver/protobuf/field-numbers.ts');
  const before = readFileSync(target, 'utf8');
  const start = before.indexOf('`\n', before.indexOf('fieldNumbers')) + 2;
  writeFileSync(target, `${before.slice(0, start)}${tableOf(packages)}\n\`;\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.slice(2));
