/** A terminal, npm and our own starter all hand on one Ctrl-C: what comes this soon after the first is the same wish. */
const sameWishMs = 1_000;

/**
 * Resolves at the first SIGINT or SIGTERM and keeps the process alive until then. Whoever asks again a second later, or after that,
 * ends the process at once, with the status a shell gives for that signal.
 */
export function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    // Timers and sockets of the doors do not keep the process alive; waiting for a signal does.
    const alive = setInterval(() => {}, 2 ** 30);
    let firstMs: number | undefined;
    const asked = (status: number): void => {
      const nowMs = performance.now();
      if (firstMs !== undefined && nowMs - firstMs >= sameWishMs) process.exit(status);
      if (firstMs !== undefined) return;
      firstMs = nowMs;
      clearInterval(alive);
      resolve();
    };
    process.on('SIGINT', () => asked(130));
    process.on('SIGTERM', () => asked(143));
  });
}
