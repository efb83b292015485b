/** Metrics as a hub exposes them, by name and labels. */
export class MetricSamples {
  readonly #samples = new Map<string, { readonly labels: Readonly<Record<string, string>>; readonly value: number }[]>();

  /** @param text in the Prometheus text format 0.0.4; what is not in it is left out */
  constructor(text: string) {
    for (const line of text.split('\n')) {
      const [, name = '', labels = '', value = ''] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      if (name === '') continue;
      const all = this.#samples.get(name) ?? [];
      this.#samples.set(name, all);
      all.push({ labels: readLabels(labels), value: Number(value) });
    }
  }

  /** The sum over all samples that have these labels; 0 when there is none. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return (this.#samples.get(name) ?? [])
      .filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
      .reduce((sum, { value }) => sum + value, 0);
  }

  /** The values of a label. */
  values(name: string, label: string): string[] {
    return [...new Set((this.#samples.get(name) ?? []).flatMap(({ labels }) => labels[label] ?? []))];
  }
}

function readLabels(text: string): Record<string, string> {
  const pairs = [...text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)];
  return Object.fromEntries(
    pairs.map(([, name = '', value = '']) => [name, value.replace(/\\(.)/g, (_, sign) => (sign === 'n' ? '\n' : sign))]),
  );
}
