import { demoImage } from '@flotilla/agent/cmd/demo-image.js';
import { SystemExec } from '@flotilla/shared/platform/exec.js';
import type { PodmanPlace } from './podman.ts';

/** Makes `localhost/flotilla-demo:1` and `:2` in a podman of the tests' own; the names. */
export async function demoImages(place: PodmanPlace): Promise<{ readonly one: string; readonly two: string }> {
  const options = { exec: new SystemExec(), podmanFlags: place.flags, env: place.env };
  return { one: await demoImage({ ...options, tag: '1' }), two: await demoImage({ ...options, tag: '2' }) };
}
