import { parseDocument, type Tags } from 'yaml';
import { DecodeError, type DecodeLimits, defaultMaxDepth, setField } from './json-decode.ts';

export interface DecodedYaml {
  readonly value: unknown;
  /** Faults that only strict decoding minds: `line 3: key "replicas" already set in map`. */
  readonly faults: readonly string[];
}

const maxAliases = 100;
const maxReported = 100;
/** What aliases may grow a document to. */
const maxNodes = 1_000_000;
/** Types of YAML 1.1 that have no JSON form; their texts stay texts. */
const withoutJson = /:(timestamp|binary|omap|pairs|set)$/;

/**
 * One YAML document with the exactness of `decodeJson`: YAML 1.1 scalars as kubectl reads them (`yes` is a boolean), bigint
 * beyond 2^53, bounded depth and growth through aliases. @throws DecodeError
 */
export function decodeYaml(text: string, limits: DecodeLimits = {}): DecodedYaml {
  const document = parseDocument(text, {
    version: '1.1',
    intAsBigInt: true,
    uniqueKeys: true,
    stringKeys: true,
    prettyErrors: false,
    logLevel: 'silent',
    customTags: (tags: Tags) =>
      tags.filter((tag) => typeof tag === 'string' || !(withoutJson.test(tag.tag) || ('format' in tag && tag.format === 'TIME'))),
  });
  const faults: string[] = [];
  for (const error of document.errors) {
    const line = text.slice(0, error.pos[0]).split('\n').length;
    if (error.code !== 'DUPLICATE_KEY') {
      const where = line > 1 ? `line ${line}: ` : '';
      throw new DecodeError(`yaml: ${where}${goWords[error.code] ?? error.message}`, { cause: error });
    }
    const key = /^\s*(?:-\s+)*["']?([^\s"':]+)/.exec(text.slice(error.pos[0], error.pos[1] + 256))?.[1] ?? '';
    if (faults.length < maxReported) faults.push(`line ${line}: key ${JSON.stringify(key)} already set in map`);
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: maxAliases });
  } catch (error) {
    throw new DecodeError('yaml: document contains excessive aliasing', { cause: error });
  }
  return { value: new Plain(limits.maxDepth ?? defaultMaxDepth).copy(value, 0), faults };
}

/** How go-yaml, which Kubernetes reads with, says it. */
const goWords: Readonly<Record<string, string>> = {
  BLOCK_AS_IMPLICIT_KEY: 'mapping values are not allowed in this context',
  TAB_AS_INDENT: 'found a tab character that violates indentation',
};

/** Copies what aliases share, so that nothing is shared, and turns small bigints into numbers. */
class Plain {
  readonly maxDepth: number;
  nodes = 0;

  constructor(maxDepth: number) {
    this.maxDepth = maxDepth;
  }

  copy(value: unknown, depth: number): unknown {
    if (++this.nodes > maxNodes) throw new DecodeError('yaml: document contains excessive aliasing');
    if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value;
    if (typeof value === 'number' && !Number.isFinite(value)) throw new DecodeError(`yaml: ${value} has no form in JSON`);
    if (typeof value !== 'object' || value === null) return value;
    if (depth >= this.maxDepth) throw new DecodeError('exceeded max depth');
    if (Array.isArray(value)) return value.map((item) => this.copy(item, depth + 1));
    const result: Record<string, unknown> = {};
    for (const [key, member] of Object.entries(value)) setField(result, key, this.copy(member, depth + 1));
    return result;
  }
}
