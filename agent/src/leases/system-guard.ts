import type { Exec } from '@flotilla/shared/platform/exec.js';
import type { Files } from '@flotilla/shared/platform/files.js';
import { guardScript } from './guard-script.ts';
import type { LeaseGuard } from './types.ts';

/** Starts the guard as a process in a session of its own, once; it goes on without the agent. */
export class SystemGuard implements LeaseGuard {
  readonly #files: Files;
  readonly #exec: Exec;
  #starting: Promise<void> | undefined;

  constructor({ files, exec }: { readonly files: Files; readonly exec: Exec }) {
    this.#files = files;
    this.#exec = exec;
  }

  async ensure(dir: string): Promise<void> {
    if (await this.#runs(dir)) return;
    this.#starting ??= this.#start(dir).finally(() => {
      this.#starting = undefined;
    });
    await this.#starting;
  }

  async #start(dir: string): Promise<void> {
    const script = `${dir}/guard.sh`;
    await this.#files.write(script, guardScript, { mode: 0o700 });
    await this.#exec.start('/bin/sh', [script, dir], { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }, onLine: () => {} });
  }

  async #runs(dir: string): Promise<boolean> {
    const pid = (await this.#files.readText(`${dir}/guard.pid`))?.trim();
    if (!pid || !/^\d+$/.test(pid)) return false;
    const words = (await this.#files.readText(`/proc/${pid}/cmdline`).catch(() => undefined))?.split('\0') ?? [];
    return words.includes(`${dir}/guard.sh`);
  }
}
