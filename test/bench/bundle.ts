import { bundle as bundleTo } from '@flotilla/firmware-images/build/bundle.js';
import { SystemFiles } from '@flotilla/shared/platform/files.js';

/** One workspace as images and releases carry it. */
export function bundle(workspace: 'agent' | 'hub', outdir: string): Promise<void> {
  return bundleTo(new SystemFiles(), workspace, outdir);
}
