/** Equal blocks of one IPv4 range, each given to at most one holder. */
export class CidrPool {
  readonly #base: number;
  readonly #blockBits: number;
  readonly #blocks: number;
  readonly #used: Uint8Array;
  #next: number;

  /**
   * @param start where to begin, any whole number from 0 up: it is counted round and round the range
   * @throws Error when `range` is no IPv4 CIDR or smaller than a block
   */
  constructor(range: string, blockPrefix: number, start = 0) {
    const { address, prefix } = parseCidr(range);
    if (prefix > blockPrefix || blockPrefix > 32) throw new Error(`${range} has no room for a /${blockPrefix}`);
    this.#base = address;
    this.#blockBits = 32 - blockPrefix;
    this.#blocks = 2 ** (blockPrefix - prefix);
    this.#used = new Uint8Array(this.#blocks);
    this.#next = start % this.#blocks;
  }

  /** The next free block, after the one given last so that addresses are not used again at once; undefined when all are taken. */
  allocate(): string | undefined {
    for (let tried = 0; tried < this.#blocks; tried++) {
      const block = (this.#next + tried) % this.#blocks;
      if (this.#used[block]) continue;
      this.#used[block] = 1;
      this.#next = (block + 1) % this.#blocks;
      return this.#format(block);
    }
    return undefined;
  }

  /** Marks a block that somebody has. Blocks of other ranges or sizes take every block of ours they touch. */
  occupy(cidr: string): void {
    for (const block of this.#touched(cidr)) {
      this.#used[block] = 1;
      if (block >= this.#next) this.#next = (block + 1) % this.#blocks;
    }
  }

  release(cidr: string): void {
    for (const block of this.#touched(cidr)) this.#used[block] = 0;
  }

  *#touched(cidr: string): Generator<number> {
    const { address, prefix } = parseCidr(cidr);
    const size = 2 ** this.#blockBits;
    const first = Math.max(0, Math.floor((address - this.#base) / size));
    const last = Math.min(this.#blocks - 1, Math.floor((address + 2 ** (32 - prefix) - 1 - this.#base) / size));
    for (let block = first; block <= last; block++) yield block;
  }

  #format(block: number): string {
    const address = this.#base + block * 2 ** this.#blockBits;
    const bytes = [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256);
    return `${bytes.join('.')}/${32 - this.#blockBits}`;
  }
}

function parseCidr(text: string): { address: number; prefix: number } {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  const [a = 256, b = 256, c = 256, d = 256, prefix = 33] = match?.slice(1).map(Number) ?? [];
  if (Math.max(a, b, c, d) > 255 || prefix > 32) throw new Error(`${JSON.stringify(text)} is not an IPv4 CIDR`);
  const size = 2 ** (32 - prefix);
  return { address: Math.floor((((a * 256 + b) * 256 + c) * 256 + d) / size) * size, prefix };
}
