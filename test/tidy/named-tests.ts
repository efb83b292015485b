/** A test that a document says there is: a file, and what its title has in it where a title is given. */
interface NamedTest {
  readonly file: string;
  readonly title: string | undefined;
}

/** In tables: `path/file.test.ts`, alone or followed by a colon and titles in quotes, such as “reads it”, “writes it”. */
export function namedTests(markdown: string): NamedTest[] {
  const found: NamedTest[] = [];
  for (const line of markdown.split('\n').filter((one) => one.startsWith('|'))) {
    for (const [, file = '', titles = ''] of line.matchAll(/`([\w./-]+\.test\.ts)`(?:: (“[^”]+”(?:, “[^”]+”)*))?/g)) {
      const quoted = [...titles.matchAll(/“([^”]+)”/g)].map(([, title]) => title);
      for (const title of quoted.length > 0 ? quoted : [undefined]) found.push({ file, title });
    }
  }
  return found;
}

/** What is wrong with them, in words; `files` are all test files by their path, with their text. */
export function wrongNames(named: readonly NamedTest[], files: ReadonlyMap<string, string>): string[] {
  return named.flatMap(({ file, title }) => {
    const paths = [...files.keys()].filter((path) => path === file || path.endsWith(`/${file}`));
    const [path] = paths;
    if (path === undefined) return [`${file}: there is no such file`];
    if (paths.length > 1) return [`${file}: which of ${paths.join(', ')}?`];
    if (title !== undefined && !files.get(path)?.replaceAll('\\', '').includes(title)) return [`${file}: no test is called “${title}”`];
    return [];
  });
}
