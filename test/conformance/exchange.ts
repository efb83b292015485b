/** One value of JSON. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** What earlier answers of the same topic left: single values as text, whole objects under their own name. */
export type Kept = Readonly<Record<string, Json>>;

/** Text for what JSON cannot hold, or would repair; bytes for protobuf. */
export type Body = string | Uint8Array | object | ((kept: Kept) => object);

/** One request, and what is taken from its answer for later ones. */
export interface Case {
  /** Unique in its topic. */
  readonly name: string;
  readonly method: string;
  /** `{word}` stands for a kept value. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text goes out as it is; `{word}` in it, and in the strings of an object, stands for a kept value. */
  readonly body?: Body;
  /** From word to JSON pointer; the empty pointer keeps the whole answer. */
  readonly keep?: Readonly<Record<string, string>>;
  /** The answer is a stream that is read until so many events have come, or it ends. */
  readonly events?: number;
}

/** An answer in which what must differ between two servers was replaced by stable words. */
export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly warnings?: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: Json;
}

/** A topic as it is kept: the server's version, and the answer to every case by its name. */
export interface Recording {
  readonly version: string;
  readonly answers: Readonly<Record<string, Answer>>;
}

/** Cases in order, in namespaces of their own. */
export interface Topic {
  readonly name: string;
  readonly cases: readonly Case[];
}

type More = Partial<Pick<Case, 'headers' | 'keep'>>;

const patchTypes = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

/** Gathers the cases of one topic. */
export class Cases {
  readonly #cases: Case[] = [];
  readonly #names = new Set<string>();
  /** The topic's namespace. */
  readonly ns: string;

  constructor(ns: string) {
    this.ns = ns;
  }

  get all(): readonly Case[] {
    return this.#cases;
  }

  /** Path of a namespaced resource of the core group, or of `group/version`. */
  path(resource: string, name = '', group = ''): string {
    return `${group ? `/apis/${group}` : '/api/v1'}/namespaces/${this.ns}/${resource}${name ? `/${name}` : ''}`;
  }

  get(name: string, path: string, more?: More): void {
    this.add({ name, method: 'GET', path, ...more });
  }

  post(name: string, path: string, body: Body, more?: More): void {
    this.add({ name, method: 'POST', path, body, ...more });
  }

  put(name: string, path: string, body: Body, more?: More): void {
    this.add({ name, method: 'PUT', path, body, ...more });
  }

  patch(name: string, path: string, type: keyof typeof patchTypes, body: Body, more: More = {}): void {
    this.add({ name, method: 'PATCH', path, body, ...more, headers: { 'content-type': patchTypes[type], ...more.headers } });
  }

  delete(name: string, path: string, body?: Body, more?: More): void {
    this.add({ name, method: 'DELETE', path, ...(body === undefined ? {} : { body }), ...more });
  }

  /** Reads so many events; they have happened before, or belong to what is there. */
  watch(name: string, path: string, events: number, more?: More): void {
    this.add({ name, method: 'GET', path, events, ...more });
  }

  add(one: Case): void {
    if (this.#names.has(one.name)) throw new Error(`two cases are called ${one.name}`);
    this.#names.add(one.name);
    this.#cases.push(one);
  }
}

/** A topic whose namespace and its account are made first: no controller is there to make them. */
export function topic(name: string, gather: (cases: Cases) => void): Topic {
  const cases = new Cases(`conf-${name}`);
  cases.post('a namespace for the topic', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: cases.ns } });
  cases.post('its account', cases.path('serviceaccounts'), { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } });
  gather(cases);
  return { name, cases: cases.all };
}
