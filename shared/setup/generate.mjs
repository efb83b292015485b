/**
 * Makes `shared/src/api/generated/` from the models of @kubernetes/client-node: `types.ts` (an interface for every type),
 * `schemas.json` (Kubernetes' OpenAPI definitions) and `descriptions.json` (their texts, loaded only for documentation).
 * Runs at set-up, on any Node from 20; does nothing when its input is the one of the last run.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { extraDefinitions, extraDescriptions, specialType, wellKnown } from './generate-fields.mjs';
import { assignGroups, fullGroup, groupOfApiClass, interfaceName } from './generate-names.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const ownFiles = ['generate.mjs', 'generate-names.mjs', 'generate-fields.mjs'];
/** `shared/src/meta/object.ts` has these; the generated interfaces use them. */
const handWritten = ['LabelSelector', 'ManagedFieldsEntry', 'ObjectMeta', 'OwnerReference'];
const aliases = { TokenRequest: 'AuthenticationTokenRequest' };

/** @returns {{changed: boolean, directory: string}} */
export function generate(rootDir) {
  const client = join(rootDir, 'node_modules/@kubernetes/client-node');
  const directory = join(rootDir, 'shared/src/api/generated');
  const stamp = join(directory, 'stamp');
  const hash = createHash('sha256').update(readFileSync(join(client, 'package.json')));
  for (const file of ownFiles) hash.update(readFileSync(join(here, file)));
  const wanted = hash.digest('hex');
  if (contentOf(stamp) === wanted) return { changed: false, directory };

  const models = readModels(join(client, 'dist/gen/models'));
  const references = new Map([...models].map(([name, model]) => [name, model.references]));
  const names = assignGroups(references, readApis(join(client, 'dist/gen/apis')));
  mkdirSync(directory, { recursive: true });
  write(join(directory, 'types.ts'), typesOf(models));
  const { schemas, descriptions } = definitionsOf(models, names);
  write(join(directory, 'schemas.json'), `${JSON.stringify(schemas)}\n`);
  write(join(directory, 'descriptions.json'), `${JSON.stringify(descriptions)}\n`);
  write(stamp, wanted);
  return { changed: true, directory };
}

function contentOf(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function write(file, text) {
  writeFileSync(`${file}.tmp-${process.pid}`, text);
  renameSync(`${file}.tmp-${process.pid}`, file);
}

function readApis(directory) {
  const apis = [];
  for (const file of readdirSync(directory).sort()) {
    if (!file.endsWith('Api.d.ts')) continue;
    const place = groupOfApiClass(file.slice(0, -'.d.ts'.length));
    if (!place) continue;
    const text = readFileSync(join(directory, file), 'utf8');
    apis.push({ ...place, classes: [...text.matchAll(/from '\.\.\/models\/(\w+)\.js'/g)].map((match) => match[1]) });
  }
  return apis;
}

function readModels(directory) {
  const models = new Map();
  // The folder also holds models of earlier releases; the index names those of this one.
  const index = readFileSync(join(directory, 'all.js'), 'utf8');
  for (const [, className] of index.matchAll(/from '\.\.\/models\/(\w+)\.js'/g)) {
    const map = /attributeTypeMap = (\[[\s\S]*?\n?\]);/.exec(readFileSync(join(directory, `${className}.js`), 'utf8'));
    if (!map) throw new Error(`${className} of @kubernetes/client-node has no attribute map: the package has changed its form`);
    const declared = declarations(readFileSync(join(directory, `${className}.d.ts`), 'utf8'), className);
    const fields = JSON.parse(map[1]).map(({ name, baseName, type, format }) => {
      const declaration = declared.fields.get(name);
      if (!declaration)
        throw new Error(`${className}.${name} of @kubernetes/client-node is not declared: the package has changed its form`);
      return { name: baseName, type, format, ...declaration };
    });
    const mentioned = fields.flatMap(({ type }) => type.match(/\b(?:[A-Z][a-z]+)?V\d\w+/g) ?? []);
    models.set(className, { className, description: declared.description, fields, references: new Set(mentioned) });
  }
  return models;
}

function declarations(text, className) {
  const start = text.indexOf(`export declare class ${className} {`);
  const description = /\/\*\*\n\* (.*)\n\*\/\n$/.exec(text.slice(0, start));
  const fields = new Map();
  const pattern = /(?: {4}\/\*\*\n {4}\* (.*)\n {4}\*\/\n)? {4}'(\w+)'(\?)?: /g;
  for (const match of text.slice(start).matchAll(pattern)) {
    fields.set(match[2], { description: plain(match[1]), required: match[3] === undefined });
  }
  return { description: plain(description?.[1]), fields };
}

/** Undoes what the client's generator did to texts. */
function plain(text) {
  return text
    ?.replaceAll(/\\(['"])/g, '$1')
    .replaceAll('\\\\', '\\')
    .replaceAll('*_/', '*/')
    .replaceAll('/_*', '/*')
    .trim();
}

const arrayOf = (type) => /^Array<(.*)>$/.exec(type)?.[1];
const mapOf = (type) => /^\{ \[key: string\]: (.*); \}$/.exec(type)?.[1];

function tsType(type, typeName, field) {
  const item = arrayOf(type);
  if (item) return `${wrapped(tsType(item, typeName, field))}[]`;
  const value = mapOf(type);
  if (value) return `Record<string, ${tsType(value, typeName, field)}>`;
  if (type === 'any') return specialType(typeName, field, 'any') === wellKnown.fieldsV1 ? 'object' : 'unknown';
  if (type === 'Date' || type === 'V1MicroTime') return 'string';
  if (type === 'IntOrString') return 'number | string';
  return interfaceName(type);
}

const wrapped = (type) => (type.includes(' ') && !type.startsWith('Record<') ? `(${type})` : type);

function typesOf(models) {
  const names = handWritten.join(', ');
  const lines = [
    '// Generated by shared/setup/generate.mjs from @kubernetes/client-node. Not to be edited.',
    `import type { ${names} } from '../../meta/object.ts';`,
    '',
    `export type { ${names} };`,
  ];
  const seen = new Map();
  for (const model of models.values()) {
    const name = interfaceName(model.className);
    if (handWritten.includes(name)) continue;
    if (seen.has(name)) throw new Error(`${model.className} and ${seen.get(name)} would both become ${name}`);
    seen.set(name, model.className);
    lines.push('');
    if (model.description) lines.push(`/** ${model.description.replaceAll('*/', '*\\/')} */`);
    lines.push(`export interface ${name} {`);
    for (const field of model.fields) {
      const key = /^[A-Za-z_$][\w$]*$/.test(field.name) ? field.name : `'${field.name}'`;
      lines.push(`  ${key}${field.required ? '' : '?'}: ${tsType(field.type, bare(model.className), field.name)};`);
    }
    lines.push('}');
  }
  for (const [alias, name] of Object.entries(aliases)) lines.push('', `export type ${alias} = ${name};`);
  return `${lines.join('\n')}\n`;
}

const bare = (className) => className.replace(/^(?:[A-Z][a-z]+)?V\d+(?:(?:alpha|beta)\d+)?(?=[A-Z])/, '');

function definitionsOf(models, names) {
  const schemas = { ...extraDefinitions };
  const descriptions = {};
  for (const [name, text] of Object.entries(extraDescriptions)) descriptions[name] = { '': text };
  for (const model of models.values()) {
    const place = names.get(model.className);
    const definition = model.className === 'VersionInfo' ? wellKnown.info : place?.definition;
    if (!definition) continue;
    const texts = {};
    if (model.description) texts[''] = model.description;
    const properties = {};
    for (const field of [...model.fields].sort((a, b) => (a.name < b.name ? -1 : 1))) {
      properties[field.name] = schemaOf(field.type, field.format, bare(model.className), field.name, names);
      if (field.description) texts[field.name] = field.description;
    }
    const required = model.fields.filter((field) => field.required).map((field) => field.name);
    const schema = { type: 'object', ...(model.fields.length > 0 ? { properties } : {}) };
    if (required.length > 0) schema.required = required.sort();
    if (place && isKind(place, properties)) schema['x-kubernetes-group-version-kind'] = kindsOf(place);
    schemas[definition] = schema;
    descriptions[definition] = texts;
  }
  return { schemas: sorted(schemas), descriptions: sorted(descriptions) };
}

function isKind({ group, name }, properties) {
  if (!properties.apiVersion || !properties.kind) return false;
  return group === 'meta' ? name !== 'OwnerReference' : properties.metadata !== undefined;
}

function kindsOf({ group, version, name }) {
  return [{ group: group === 'meta' ? '' : fullGroup(group), kind: name, version }];
}

const sorted = (object) => Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));

function schemaOf(type, format, typeName, field, names) {
  const item = arrayOf(type);
  if (item) return { type: 'array', items: schemaOf(item, format, typeName, field, names) };
  const value = mapOf(type);
  if (value) return { type: 'object', additionalProperties: schemaOf(value, format, typeName, field, names) };
  const special = specialType(typeName, field, type);
  if (special) return ref(special);
  if (type === 'any') return { type: 'object' };
  if (type === 'Date') return ref(wellKnown.time);
  if (type === 'V1MicroTime') return ref(wellKnown.microTime);
  if (type === 'IntOrString') return ref(wellKnown.intOrString);
  if (type === 'number') return { type: format === 'double' ? 'number' : 'integer', format };
  if (type === 'string' || type === 'boolean') return { type, ...(format ? { format } : {}) };
  const target = names.get(type);
  if (!target) throw new Error(`${typeName}.${field}: ${type} belongs to no group`);
  return ref(target.definition);
}

const ref = (definition) => ({ $ref: `#/definitions/${definition}` });

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { changed, directory } = generate(resolve(here, '../..'));
  process.stdout.write(`${directory}: ${changed ? 'written' : 'unchanged'}\n`);
}
