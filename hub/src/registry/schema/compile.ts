import { isAlwaysWritten } from '@flotilla/shared/api/list-keys.js';
import { referencedName, type Schema, schemas } from '@flotilla/shared/api/schemas.js';
import {
  anyCheck,
  booleanCheck,
  bytesCheck,
  doubleCheck,
  int32Check,
  int64Check,
  intOrStringCheck,
  quantityCheck,
  stringCheck,
  timeOfMicros,
  timeOfSeconds,
} from './scalars.ts';
import type { Check, Walk } from './walk.ts';

const special: Readonly<Record<string, Check>> = {
  'io.k8s.apimachinery.pkg.api.resource.Quantity': quantityCheck,
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': intOrStringCheck,
  'io.k8s.apimachinery.pkg.apis.meta.v1.Time': timeOfSeconds,
  'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime': timeOfMicros,
};

const compiled = new Map<string, Check>(Object.entries(special));

/** The check of a definition, made once. @throws Error for a name that is no definition */
export function compileDefinition(name: string): Check {
  const known = compiled.get(name);
  if (known) return known;
  const schema = Object.hasOwn(schemas, name) ? schemas[name] : undefined;
  if (!schema) throw new Error(`there is no definition ${name}`);
  const check = schema.properties ? new StructCheck(name, schema) : anyCheck;
  compiled.set(name, check);
  return check;
}

function compile(schema: Schema): Check {
  const reference = referencedName(schema);
  if (reference !== undefined) return compileDefinition(reference);
  switch (schema.type) {
    case 'string':
      return schema.format === 'byte' ? bytesCheck : stringCheck;
    case 'boolean':
      return booleanCheck;
    case 'integer':
      return schema.format === 'int64' ? int64Check : int32Check;
    case 'number':
      return doubleCheck;
    case 'array':
      return new ListCheck(compile(schema.items ?? {}));
    case 'object':
      return schema.additionalProperties ? new MapCheck(compile(schema.additionalProperties)) : anyCheck;
    default:
      return anyCheck;
  }
}

type JsonObject = Record<string, unknown>;

const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) ? value.length === 0 : isObject(value) && Object.keys(value).length === 0;
}

interface Field {
  readonly check: Check;
  /** An empty list or map is as good as none: Go's `omitempty`. */
  readonly omitEmpty: boolean;
}

class StructCheck implements Check {
  readonly goType: string;
  readonly definition: string;
  readonly struct: string;
  readonly schema: Schema;
  /** Compiled at first use, because definitions refer to themselves. */
  fields: Map<string, Field> | undefined;

  constructor(name: string, schema: Schema) {
    this.goType = name.split('.').slice(-2).join('.');
    this.definition = name;
    this.struct = name.slice(name.lastIndexOf('.') + 1);
    this.schema = schema;
  }

  zero(): unknown {
    return {};
  }

  check(value: unknown, walk: Walk): unknown {
    if (!isObject(value)) return walk.mismatch(value, this.goType);
    const fields = this.fields ?? this.compileFields();
    let copy: JsonObject | undefined;
    walk.structs.push(this.struct);
    for (const key of Object.keys(value)) {
      const member = value[key];
      const field = fields.get(key);
      let result: unknown;
      if (field === undefined) walk.unknownField(key);
      else if (member !== null && member !== undefined) {
        walk.path.push(key);
        result = field.check.check(member, walk);
        walk.path.pop();
        if (field.omitEmpty && isEmpty(result)) result = undefined;
      }
      if (result === member && copy === undefined) continue;
      copy ??= before(value, key);
      if (result !== undefined) copy[key] = result;
    }
    walk.structs.pop();
    return copy ?? value;
  }

  compileFields(): Map<string, Field> {
    const required = new Set(this.schema.required);
    const fields = Object.entries(this.schema.properties ?? {}).map(([name, schema]): [string, Field] => {
      const check = compile(schema);
      // An empty list of managers is an order: begin anew.
      const isKept = name === 'managedFields' || required.has(name) || isAlwaysWritten(this.definition, name);
      const omitEmpty = !isKept && (check instanceof ListCheck || check instanceof MapCheck);
      return [name, { check, omitEmpty }];
    });
    this.fields = new Map(fields);
    return this.fields;
  }
}

/** A copy of what comes before `key`. */
function before(value: JsonObject, key: string): JsonObject {
  const copy: JsonObject = {};
  for (const name of Object.keys(value)) {
    if (name === key) break;
    copy[name] = value[name];
  }
  return copy;
}

class ListCheck implements Check {
  readonly goType: string;
  readonly item: Check;

  constructor(item: Check) {
    this.goType = `[]${item.goType}`;
    this.item = item;
  }

  zero(): unknown {
    return [];
  }

  check(value: unknown, walk: Walk): unknown {
    if (!Array.isArray(value)) return walk.mismatch(value, this.goType);
    let copy: unknown[] | undefined;
    for (let index = 0; index < value.length; index++) {
      const member: unknown = value[index];
      walk.path.push(index);
      const result = member === null || member === undefined ? this.item.zero() : this.item.check(member, walk);
      walk.path.pop();
      if (result === member && copy === undefined) continue;
      copy ??= value.slice(0, index);
      copy.push(result);
    }
    return copy ?? value;
  }
}

class MapCheck implements Check {
  readonly goType: string;
  readonly value: Check;

  constructor(value: Check) {
    this.goType = `map[string]${value.goType}`;
    this.value = value;
  }

  zero(): unknown {
    return {};
  }

  check(value: unknown, walk: Walk): unknown {
    if (!isObject(value)) return walk.mismatch(value, this.goType);
    let copy: JsonObject | undefined;
    for (const key of Object.keys(value)) {
      const member = value[key];
      let result: unknown;
      // Never a key of ours: a later `object[key] = …` would change a prototype.
      if (key === '__proto__') walk.unknownField(key);
      else result = member === null || member === undefined ? this.value.zero() : this.member(key, member, walk);
      if (result === member && copy === undefined) continue;
      copy ??= before(value, key);
      if (result !== undefined) copy[key] = result;
    }
    return copy ?? value;
  }

  member(key: string, member: unknown, walk: Walk): unknown {
    const outer = walk.fieldDepth;
    walk.fieldDepth = this.value instanceof StructCheck ? outer : walk.path.filter((part) => typeof part === 'string').length;
    walk.path.push(key);
    const result = this.value.check(member, walk);
    walk.path.pop();
    walk.fieldDepth = outer;
    return result;
  }
}
