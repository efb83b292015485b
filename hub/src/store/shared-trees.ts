interface Shared {
  readonly id: number;
  readonly tree: object;
}

/** Trees that are known before the oldest are forgotten; each is a few dozen bytes. */
const generationSize = 8192;
/** Whole trees that are found again by their text, of which the longest are left out. */
const wholeTrees = 512;
const longestText = 4096;

/**
 * One frozen copy of trees that are alike, part by part: what a thousand pods of one template have in their managedFields is there
 * once. Only for plain trees of objects without arrays, whose leaves are empty objects: fieldsV1.
 */
export class SharedTrees {
  readonly #ids = new WeakMap<object, number>();
  #young = new Map<string, Shared>();
  #old = new Map<string, Shared>();
  #lastId = 0;
  /** By its text: most trees are like another as a whole, and a text is made sooner than its parts are looked at. */
  #whole = new Map<string, object>();

  /** The shared copy of a tree; the tree itself, frozen, when it is the first of its kind. */
  share(tree: object): object {
    const text = JSON.stringify(tree);
    const known = this.#whole.get(text);
    if (known !== undefined) return known;
    const shared = this.#share(tree).tree;
    if (text.length <= longestText) {
      if (this.#whole.size >= wholeTrees) this.#whole = new Map();
      this.#whole.set(text, shared);
    }
    return shared;
  }

  #share(tree: object): Shared {
    const known = this.#ids.get(tree);
    if (known !== undefined) return { id: known, tree };
    const members = tree as Record<string, unknown>;
    let key = '';
    let changed = false;
    const parts: Record<string, unknown> = {};
    for (const name in members) {
      const member = members[name];
      if (typeof member !== 'object' || member === null) return this.#enter(`= ${JSON.stringify(tree)}`, tree);
      const shared = this.#share(member);
      parts[name] = shared.tree;
      changed ||= shared.tree !== member;
      // A name of managedFields may hold any character, so its length goes before it.
      key += `${name.length}:${name}${shared.id} `;
    }
    return this.#enter(key, changed ? parts : tree);
  }

  #enter(key: string, tree: object): Shared {
    const known = this.#young.get(key) ?? this.#old.get(key);
    const shared = known ?? { id: ++this.#lastId, tree: Object.freeze(tree) };
    if (!known) this.#ids.set(shared.tree, shared.id);
    this.#young.set(key, shared);
    if (this.#young.size > generationSize) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    return shared;
  }
}
