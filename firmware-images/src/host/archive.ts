import type { Exec } from '@flotilla/shared/platform/exec.js';

export interface ArchiveOptions {
  readonly dir: string;
  readonly out: string;
  /** The moment that everything in it is from. */
  readonly epochSeconds: number;
}

/** A folder as .tar.gz: the same content makes the same bytes, whoever makes it and when. @throws Error */
export async function archive(exec: Pick<Exec, 'run'>, { dir, out, epochSeconds }: ArchiveOptions): Promise<void> {
  const { code, stderr } = await exec.run(
    'tar',
    [
      ...['--create', '--file', out, '--use-compress-program', 'gzip --no-name -6', '--directory', dir],
      ...['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--format=gnu', `--mtime=@${epochSeconds}`],
      ...['--mode=u+rw,go+r-w,a+X', '.'],
    ],
    { timeoutMs: 300_000 },
  );
  if (code !== 0) throw new Error(`tar: ${stderr}`);
}
