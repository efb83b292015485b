import type { TerminalSize } from './command-client.ts';

const maxPendingBytes = 4096;
const maxCells = 0xffff;

/** Reads `{"Width":80,"Height":24}` after `{"Width":80,"Height":24}` from whatever pieces they come in; what is none is passed over. */
export class TerminalSizes {
  #pending = '';
  #last: TerminalSize | undefined;
  #listener: ((size: TerminalSize) => void) | undefined;

  listen(listener: (size: TerminalSize) => void): void {
    this.#listener = listener;
    if (this.#last) listener(this.#last);
  }

  push(data: Buffer): void {
    this.#pending += data.toString('utf8');
    for (let end = this.#pending.indexOf('}'); end >= 0; end = this.#pending.indexOf('}')) {
      const size = readSize(this.#pending.slice(0, end + 1));
      this.#pending = this.#pending.slice(end + 1);
      if (!size) continue;
      this.#last = size;
      this.#listener?.(size);
    }
    if (this.#pending.length > maxPendingBytes) this.#pending = '';
  }
}

function readSize(text: string): TerminalSize | undefined {
  try {
    // Go reads names in any case, and the JavaScript client counts on it.
    const fields = Object.entries(JSON.parse(text) as object).map(([name, value]): [string, unknown] => [name.toLowerCase(), value]);
    const { width, height } = Object.fromEntries(fields) as { readonly width?: unknown; readonly height?: unknown };
    return isCells(width) && isCells(height) ? { width, height } : undefined;
  } catch {
    return undefined;
  }
}

const isCells = (value: unknown): value is number => Number.isInteger(value) && Number(value) > 0 && Number(value) <= maxCells;
