import { memberPath } from '#registry/decode/json-decode.ts';

/** One node of a compiled schema. */
export interface Check {
  /** The Go type that error messages name. */
  readonly goType: string;
  /** What null stands for in a list or map; undefined where null stays null. */
  zero(): unknown;
  /** The value as Kubernetes would store it: the same one when nothing changes, else a copy; undefined to leave it out. */
  check(value: unknown, walk: Walk): unknown;
}

const maxReported = 100;

/** One pass over one object: where it stands, and what it found. */
export class Walk {
  /** Fields that the schema does not have, with their paths; they are left out of the result. */
  readonly unknownFields: string[] = [];
  /** The first value of a wrong type, in the words of Go's encoding/json. */
  error: string | undefined;
  /** The same in the words of server-side apply. */
  misfit: string | undefined;
  readonly path: (string | number)[] = [];
  /** Names of the Go structs around, innermost last. */
  readonly structs: string[] = [];

  unknownField(name: string): void {
    if (this.unknownFields.length >= maxReported) return;
    this.unknownFields.push(memberPath(this.path.reduce<string>(memberPath, ''), name));
  }

  /** Records a type that does not fit; gives undefined, so that the value is left out. */
  mismatch(value: unknown, goType: string): undefined {
    const fields = this.path.filter((part) => typeof part === 'string');
    const known = fields.slice(0, this.fieldDepth ?? fields.length).join('.');
    const target = fields.length === 0 ? 'Go value' : `Go struct field ${this.structs.at(-1) ?? ''}.${known}`;
    this.misfit ??= `${this.path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`)).join('')}: expected ${applyKind(goType)}, got ${goKind(value)}`;
    return this.fault(`json: cannot unmarshal ${jsonKind(value, goType)} into ${target} of type ${goType}`);
  }

  fault(message: string): undefined {
    this.error ??= message;
    return undefined;
  }

  /** How many names of the path are fields of structs: keys of maps are not part of Go's messages. */
  fieldDepth: number | undefined;
}

function applyKind(goType: string): string {
  if (goType.startsWith('[]')) return 'list';
  if (goType === 'string') return 'string';
  if (goType === 'bool') return 'boolean';
  return /^(int|float)/.test(goType) ? 'numeric (int or float)' : 'map';
}

function goKind(value: unknown): string {
  if (Array.isArray(value)) return 'list';
  if (typeof value === 'object') return 'map';
  if (typeof value === 'string') return 'string';
  return typeof value === 'boolean' ? 'boolean' : Number.isInteger(value) || typeof value === 'bigint' ? 'int' : 'float';
}

function jsonKind(value: unknown, goType: string): string {
  if (Array.isArray(value)) return 'array';
  switch (typeof value) {
    case 'number':
    case 'bigint':
      return goType.startsWith('int') || goType.startsWith('float') ? `number ${value}` : 'number';
    case 'boolean':
      return 'bool';
    case 'string':
      return 'string';
    default:
      return 'object';
  }
}
