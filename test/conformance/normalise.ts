import type { Json } from './exchange.ts';

/**
 * Replaces what must differ between two servers by words: uids, resource versions, times, random suffixes, tokens. The same value
 * becomes the same word, so that equality between fields and answers is still compared. Nothing is left out.
 */
export class Normaliser {
  readonly #words = new Map<string, string>();
  readonly #counts = new Map<string, number>();
  #case = '';
  readonly #generated = new Map<string, string>();

  /** What is seen from now on belongs to this case. */
  begin(name: string): void {
    this.#case = name;
    this.#counts.clear();
  }

  json(value: Json, key = ''): Json {
    if (Array.isArray(value)) return ordered(key, value).map((item) => this.json(item, key === 'cells' ? key : ''));
    if (typeof value === 'object' && value !== null) return this.#object(value as { readonly [key: string]: Json });
    if (typeof value === 'number') return /nodePort$/i.test(key) && isDealtPort(value) ? this.#word('port', String(value)) : value;
    if (typeof value !== 'string') return value;
    if (key === 'cells') return this.#cell(value);
    if (key === 'resourceVersion') return value === '' || value === '0' ? value : this.#word('version', value);
    if (key === 'continue') return value === '' ? value : '«continue»';
    if (key === 'token') return '«token»';
    return this.text(value);
  }

  #cell(value: string): string {
    if (age.test(value)) return '«age»';
    return this.text(value).replace(/:(\d{5})(?=\/[A-Z])/g, (all, port) =>
      isDealtPort(Number(port)) ? `:${this.#word('port', port)}` : all,
    );
  }

  text(text: string): string {
    let out = text;
    for (const [name, word] of this.#generated) out = out.replaceAll(name, word);
    return out
      .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, (uid) => this.#word('uid', uid))
      .replace(/\bkube-api-access-[a-z0-9]{5}\b/g, (name) => `kube-api-access-${this.#word('suffix', name)}`)
      .replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, (time, fraction) =>
        fixedTime.test(time) ? time : fraction ? '«microtime»' : '«time»',
      )
      .replace(dealtAddress, (address) => this.#word('address', address))
      .replace(/\bGen_[a-z0-9]{5}\b/g, (name) => `Gen_${this.#word('suffix', name)}`)
      .replace(
        /(resource ?version(?: in object meta| in record)?\\*"?[=: ] ?[("\\]*)(\d{2,})/gi,
        (_all, before, version) => before + this.#word('version', version),
      );
  }

  #object(value: { readonly [key: string]: Json }): Json {
    const { name, generateName } = value;
    if (typeof generateName === 'string' && generateName && typeof name === 'string' && name.startsWith(generateName.slice(0, 58))) {
      this.#generated.set(name, name.slice(0, -5) + this.#word('suffix', name));
    }
    const isList = /(List|Table)$/.test(String(value['kind']));
    return Object.fromEntries(
      Object.keys(value)
        .sort()
        .map((key) => {
          const item = value[key] ?? null;
          return [key, key === 'metadata' && isList ? this.#listMeta(item) : this.json(item, key)];
        }),
    );
  }

  /** Others write to a server too, so that a list's version is not its last item's. */
  #listMeta(metadata: Json): Json {
    if (typeof metadata !== 'object' || metadata === null || !('resourceVersion' in metadata)) return this.json(metadata);
    return this.json({ ...metadata, resourceVersion: '' } as Json) as Json;
  }

  /** The word says in which case the value was seen first. */
  #word(kind: string, value: string): string {
    const known = this.#words.get(`${kind} ${value}`);
    if (known !== undefined) return known;
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    const word = `«${kind}${count > 1 ? ` ${count}` : ''} of ${this.#case}»`;
    this.#words.set(`${kind} ${value}`, word);
    return word;
  }
}

/** Of Services: what a server deals out comes from the upper part of its range; cases ask for what lies in the lower one. */
const dealtAddress = /\b10\.96\.(?!0\.)\d{1,3}\.\d{1,3}\b/g;
const isDealtPort = (port: number): boolean => port > 30_085 && port <= 32_767;

/** Times that the cases themselves give. */
const fixedTime = /^20(0\d|1\d|20)-/;

/** How long ago, in a table. */
const age = /^(\d+[smhdy])+$/;

/** Kubernetes orders the managers by the second of their last change. */
function ordered(key: string, items: readonly Json[]): readonly Json[] {
  // What applies to a user comes in the order of a Go map.
  if (key === 'resourceRules' || key === 'nonResourceRules') {
    return items.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  }
  if (key !== 'managedFields') return items;
  const by = (item: Json): string => {
    const { operation, manager, apiVersion, subresource } = item as Record<string, Json>;
    return JSON.stringify([operation, manager, apiVersion, subresource]);
  };
  return items.toSorted((a, b) => (by(a) < by(b) ? -1 : by(a) > by(b) ? 1 : 0));
}
