import { createInterface } from 'node:readline/promises';

/** Asks at the terminal. @throws Error when nobody is there */
export async function confirmed(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new Error('nobody is there to confirm it: say --yes');
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}
