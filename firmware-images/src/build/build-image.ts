import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Disks } from '@flotilla/shared/platform/disks.js';
import type { Exec } from '@flotilla/shared/platform/exec.js';
import type { Files } from '@flotilla/shared/platform/files.js';
import { type ImageDigests, imageDigests } from '#disk/image-digests.ts';
import { imagerRepository, type ListedManifest } from '#provision/imager-repository.ts';
import { assemble, type BootFile, tableOf } from './assemble.ts';
import { checkBuildHost } from './build-host.ts';
import { bundle } from './bundle.ts';
import { makeDataImage, makeRootImage } from './file-systems.ts';
import { licencesOf, type PackageEntry, packagesOf } from './package-list.ts';
import { contentHash, contentUuid, type ImagePlan } from './plan.ts';
import { hostSources, makeOverlay, makeRootFs, mmdebstrapArguments, type PackageSources } from './root-fs.ts';
import { builderSources, standingImage } from './standing-image.ts';

export interface BuildDoors {
  readonly exec: Exec;
  readonly files: Files;
  readonly disks: Disks;
  /** Compresses a file beside itself, into one whose name is longer; the image stays as it is without. */
  readonly compress?: { readonly suffix: string; readonly run: (path: string) => Promise<void> } | undefined;
  /** The executable of Node for an architecture. */
  readonly nodeFor: (architecture: ImagePlan['architecture']) => Promise<string>;
}

export interface BuildOptions {
  readonly plan: ImagePlan;
  readonly out: string;
  /** For work that is thrown away; on the disk of the cache. */
  readonly work: string;
  /** Root file systems by the hash of what went in. */
  readonly cache: string;
  readonly mirror?: string | undefined;
  /** The moment that everything in the image is from. */
  readonly epochSeconds: number;
  readonly tell: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Stands beside an image as NAME.manifest.json. */
export interface ImageManifest extends ImageDigests {
  /** Hash of all that it was made of, and of what made it; hex. */
  readonly inputs: string;
  readonly board: string;
  readonly description: string;
  /** What Raspberry Pi Imager calls boards that it is for. */
  readonly imagerTags: readonly string[];
  readonly architecture: string;
  readonly file: string;
  /** Of the image, decompressed; the digests too. */
  readonly sizeBytes: number;
  /** Of the file as it is. */
  readonly download: { readonly bytes: number; readonly sha256: string };
  readonly epochSeconds: number;
  readonly kernelArguments: string;
  readonly partitions: readonly { readonly name: string; readonly startBytes: number; readonly sizeBytes: number }[];
  readonly packages: readonly PackageEntry[];
}

/** Builds the image of a plan. The same inputs make the same bytes. @throws Error for whoever typed the command */
export async function buildImage(doors: BuildDoors, options: BuildOptions): Promise<ImageManifest> {
  const { plan, work, cache, epochSeconds, tell } = options;
  const { exec, files, disks } = doors;
  const host = { architecture: process.arch === 'arm64' ? 'arm64' : 'amd64', isRoot: process.getuid?.() === 0 } as const;
  await checkBuildHost(doors, host, plan.architecture);
  const sources = await hostSources(exec, options.mirror, plan.components);
  tell(`packages from ${sources.lines.length} sources of Debian ${sources.suite}`);
  const overlay = join(work, 'overlay.tar');
  const early = plan.files.filter((file) => file.early);
  await makeOverlay(doors, { files: early, dir: join(work, 'overlay'), out: overlay, epochSeconds });
  // The second is laid over the first: another agent or unit needs no other packages, and what a package changed of our files is ours again.
  const tars = [await cachedRootFs(doors, options, sources, overlay), join(work, 'over.tar')];
  if (plan.agentBundle) await layAgent(doors, plan, join(work, 'over'));
  const { files: laid, enable, mask } = plan;
  await makeOverlay(doors, { files: laid, enable, mask, dir: join(work, 'over'), out: tars[1] ?? '', epochSeconds });
  // Of what went in and came out: another version of a package is another image.
  const hash = contentHash(plan, String(epochSeconds), ...(await Promise.all(tars.map((tar) => fileHash(disks, tar)))));
  const name = `flotilla-${plan.board}.img`;
  const file = `${name}${doors.compress?.suffix ?? ''}`;
  const inputs = contentHash(hash, file, ...(await builderSources(files)));
  const there = await standingImage(doors, options.out, { name, file, inputs });
  if (there) {
    tell('the image is there already, made of the same things');
    await files.remove(work);
    return there;
  }
  tell('packing the root file system');
  const rootPartition = plan.layout.partitions.find(({ content }) => content === 'root');
  const rootImage = join(work, 'root.ext4');
  const wanted = plan.bootFiles.flatMap(({ from }) => (from === undefined ? [] : [from]));
  const root = await makeRootImage(doors, {
    ...{ tars, dir: work, out: rootImage, uuid: contentUuid(hash, 'root'), epochSeconds, wanted },
    sizeMib: rootPartition?.sizeMib,
    spareMib: rootPartition?.spareMib,
  });
  const contents = new Map([[rootPartition?.name ?? '', rootImage]]);
  for (const { name, content, sizeMib = 0 } of plan.layout.partitions) {
    if (content !== 'data') continue;
    const out = join(work, `${name}.ext4`);
    await makeDataImage(doors, { out, uuid: contentUuid(hash, name), epochSeconds, sizeMib });
    contents.set(name, out);
  }
  tell('putting the image together');
  const table = tableOf(plan, hash, root.sizeMib);
  const image = join(options.out, name);
  // Of what comes in its place nothing is true that stands there.
  await files.remove(join(options.out, `${name}.manifest.json`));
  await run(exec, 'truncate', ['--size', '0', image]);
  await run(exec, 'truncate', ['--size', String(table.diskBytes), image]);
  const bootFiles = bootFilesOf(plan, root.wanted);
  await assemble(disks, image, { plan, table, hash, epochSeconds, bootFiles, contents });
  tell('taking its checksums');
  const digests = await imageDigests(disks, image);
  if (doors.compress) tell('compressing it');
  await doors.compress?.run(image);
  const path = join(options.out, file);
  const manifest: ImageManifest = {
    board: plan.board,
    description: plan.description,
    imagerTags: plan.imagerTags,
    architecture: plan.architecture,
    file,
    sizeBytes: table.diskBytes,
    inputs,
    ...digests,
    download: { bytes: (await files.stat(path))?.size ?? 0, sha256: await fileHash(disks, path) },
    epochSeconds,
    kernelArguments: plan.kernelArguments,
    partitions: table.partitions.map((one) => ({ name: one.name, startBytes: one.startBytes, sizeBytes: one.sizeBytes })),
    packages: packagesOf(root.dpkgStatus).map((entry) => ({ ...entry, licences: licencesOf(root.copyrights.get(entry.name) ?? '') })),
  };
  await files.writeAtomic(join(options.out, `${name}.manifest.json`), `${JSON.stringify(manifest, null, 2)}\n`);
  await listForImager(files, options.out);
  await files.remove(work);
  tell(`cached root file systems are in ${cache}`);
  return manifest;
}

/** For `rpi-imager --repo OUT/rpi-imager.json`: every image in a directory, as it lies there. */
async function listForImager(files: Files, out: string): Promise<void> {
  const manifests: ListedManifest[] = [];
  for (const name of await files.list(out))
    if (name.endsWith('.manifest.json')) manifests.push(JSON.parse((await files.readText(join(out, name))) ?? '{}') as ListedManifest);
  const repository = imagerRepository(manifests, (file) => pathToFileURL(join(out, file)).href);
  await files.writeAtomic(join(out, 'rpi-imager.json'), `${JSON.stringify(repository, null, 2)}\n`);
}

/** What goes onto the boot partition. @throws Error when a place for one file has another number of them */
export function bootFilesOf(plan: ImagePlan, wanted: ReadonlyMap<string, ReadonlyMap<string, Buffer>>): BootFile[] {
  return plan.bootFiles.flatMap(({ path, from, lines = [] }): BootFile[] => {
    if (from === undefined) return [{ path, data: Buffer.from(lines.map((line) => `${line}\n`).join('')) }];
    const found = [...(wanted.get(from) ?? [])];
    const [first] = found;
    const isFolder = path.endsWith('/');
    if (!first || (found.length > 1 && !isFolder))
      throw new Error(`the root file system has ${found.length} files ${from}, where ${isFolder ? 'some are' : 'one is'} needed`);
    if (!isFolder) return [{ path, data: first[1] }];
    return found.map(([name, data]) => ({ path: `${path.replace(/^\.\//, '')}${name}`, data }));
  });
}

/** The agent's bundle and its Node. */
async function layAgent({ exec, files, nodeFor }: BuildDoors, plan: ImagePlan, dir: string): Promise<void> {
  const home = join(dir, 'usr/lib/flotilla');
  await files.mkdir(join(home, 'bin'));
  await bundle(files, 'agent', join(home, 'agent'));
  await run(exec, 'cp', ['--', await nodeFor(plan.architecture), join(home, 'bin/node')]);
  await files.chmod(join(home, 'bin/node'), 0o755);
}

async function cachedRootFs(doors: BuildDoors, options: BuildOptions, sources: PackageSources, overlay: string): Promise<string> {
  const { plan, epochSeconds, cache, work, tell, signal } = options;
  const overlayHash = await fileHash(doors.disks, overlay);
  const recipe = mmdebstrapArguments({ plan, sources, overlay: '', out: '' });
  // Boards of the same packages share one: what tells them apart is laid over it.
  const kept = join(cache, `root-${plan.architecture}-${contentHash(recipe, String(epochSeconds), overlayHash).slice(0, 32)}.tar`);
  if (await doors.files.stat(kept)) {
    tell('the root file system is in the cache');
    return kept;
  }
  const made = join(work, 'root.tar');
  await makeRootFs({ exec: doors.exec, tell, signal }, { plan, sources, epochSeconds, overlay, out: made });
  await doors.files.mkdir(cache);
  await run(doors.exec, 'mv', ['--', made, kept]);
  return kept;
}

async function run(exec: Exec, command: string, args: readonly string[]): Promise<void> {
  const { code, stderr } = await exec.run(command, args, { timeoutMs: 10 * 60_000 });
  if (code !== 0) throw new Error(`${command}: ${stderr.trim()}`);
}

async function fileHash(disks: Disks, path: string): Promise<string> {
  return (await imageDigests(disks, path)).sha256;
}
