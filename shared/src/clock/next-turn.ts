/**
 * Resolves when all that waits for the event loop had its turn: for work that may go on for long without waiting for anything.
 * It takes no time, so no fake is needed.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
