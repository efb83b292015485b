/** Resolves at the first SIGINT or SIGTERM; a second one ends the process at once. Keeps the process alive until then. */
export function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    // Timers and sockets of the doors do not keep the process alive; waiting for a signal does.
    const alive = setInterval(() => {}, 2 ** 30);
    const stop = (): void => {
      clearInterval(alive);
      process.once('SIGINT', () => process.exit(130));
      process.once('SIGTERM', () => process.exit(143));
      resolve();
    };
    process.once('SIGINT', stop);
    process.once('SIGTERM', stop);
  });
}
