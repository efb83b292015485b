/** Counters, gauges and histograms in the Prometheus text exposition format 0.0.4. */
export interface Metrics {
  counter(name: string, help: string): Counter;
  /** Read when it is asked for. */
  gauge(name: string, help: string, read: () => number): void;
  /** A family that somebody else counts: read when it is asked for. */
  collected(name: string, help: string, type: 'counter' | 'gauge', read: () => Iterable<readonly [Labels, number]>): void;
  histogram(name: string, help: string, buckets: readonly number[]): Histogram;
  /** All of them as text. */
  expose(): string;
}

export type Labels = Readonly<Record<string, string>>;

export interface Counter {
  add(labels?: Labels, by?: number): void;
}

export interface Histogram {
  observe(value: number, labels?: Labels): void;
}

/** Beyond this many label sets a metric counts into one labelled overflow: labels must not eat the memory. */
const maxSeries = 1000;

interface Family {
  readonly name: string;
  lines(): string[];
  readonly header: string;
}

export function createMetrics(): Metrics {
  const families = new Map<string, Family>();
  const register = (name: string, help: string, type: string, lines: () => string[]): void => {
    if (families.has(name)) throw new Error(`the metric ${name} is registered twice`);
    families.set(name, {
      name,
      header: `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${type}`,
      lines,
    });
  };
  return {
    counter(name, help) {
      const series = new Map<string, number>();
      register(name, help, 'counter', () => [...series].map(([labels, value]) => `${name}${labels} ${value}`));
      return { add: (labels = {}, by = 1) => bump(series, labels, (value = 0) => value + by) };
    },
    gauge(name, help, read) {
      register(name, help, 'gauge', () => [`${name} ${read()}`]);
    },
    collected(name, help, type, read) {
      register(name, help, type, () => [...read()].slice(0, maxSeries).map(([labels, value]) => `${name}${formatLabels(labels)} ${value}`));
    },
    histogram(name, help, buckets) {
      interface Buckets {
        readonly labels: Labels;
        readonly counts: number[];
        sum: number;
        count: number;
      }
      const series = new Map<string, Buckets>();
      register(name, help, 'histogram', () =>
        [...series.values()].flatMap(({ labels, counts, sum, count }) => [
          ...buckets.map((le, index) => `${name}_bucket${formatLabels({ ...labels, le: String(le) })} ${counts[index]}`),
          `${name}_bucket${formatLabels({ ...labels, le: '+Inf' })} ${count}`,
          `${name}_sum${formatLabels(labels)} ${sum}`,
          `${name}_count${formatLabels(labels)} ${count}`,
        ]),
      );
      return {
        observe: (value, labels = {}) =>
          bump(series, labels, (entry = { labels, counts: buckets.map(() => 0), sum: 0, count: 0 }) => {
            for (let index = 0; index < buckets.length; index++) {
              if (value <= (buckets[index] ?? 0)) entry.counts[index] = (entry.counts[index] ?? 0) + 1;
            }
            entry.sum += value;
            entry.count++;
            return entry;
          }),
      };
    },
    expose: () => `${[...families.values()].flatMap((family) => [family.header, ...family.lines()]).join('\n')}\n`,
  };
}

function bump<V>(series: Map<string, V>, labels: Labels, change: (value: V | undefined) => V): void {
  let key = formatLabels(labels);
  if (!series.has(key) && series.size >= maxSeries) key = '{overflow="true"}';
  series.set(key, change(series.get(key)));
}

function formatLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length ? `{${pairs.join(',')}}` : '';
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
