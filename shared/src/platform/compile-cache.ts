import { enableCompileCache, flushCompileCache } from 'node:module';
import { join } from 'node:path';

const isSource = import.meta.filename.endsWith('.ts');
const dir = join(import.meta.dirname, '../../../node_modules/.cache/compiled');

/**
 * From now on what was compiled of the sources is kept for the next start: to read and strip some hundred files of TypeScript is more than
 * half of a start. A bundle has nothing to gain.
 */
export function keepCompiled(): void {
  if (isSource) enableCompileCache(dir);
}

/** Writes what is new to disk: whoever is killed leaves it too. */
export function writeCompiled(): void {
  if (isSource) flushCompileCache();
}
