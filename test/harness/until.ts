/** Asks again and again until the answer is neither undefined nor false; the answer. @throws Error with the last failure at the deadline */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  deadlineMs = 120_000,
): Promise<T> {
  const end = Date.now() + deadlineMs;
  let failure: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
      failure = undefined;
    } catch (error) {
      failure = error;
    }
    if (Date.now() > end) throw new Error(`waited in vain until ${what}`, failure === undefined ? {} : { cause: failure });
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
