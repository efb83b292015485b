/** Writes, and resolves when there is room for more. What nobody takes any more is dropped. */
export function writeTo(
  writable: NodeJS.WritableStream & { readonly destroyed?: boolean; readonly writable: boolean },
  data: Buffer,
): Promise<void> {
  if (!writable.writable || writable.write(data)) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      for (const event of ['drain', 'close', 'error']) writable.removeListener(event, done);
      resolve();
    };
    for (const event of ['drain', 'close', 'error']) writable.once(event, done);
  });
}
