import { existsSync, globSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, normalize } from 'node:path';
import { doorFolders, doorModules, forbiddenGlobals, type ImportRule, importRules, packageOwners } from './import-table.ts';

export interface Finding {
  readonly file: string;
  readonly message: string;
}

const packageRoots: Readonly<Record<string, string>> = {
  '@flotilla/shared': 'shared',
  '@flotilla/hub': 'hub',
  '@flotilla/agent': 'agent',
  '@flotilla/firmware-images': 'firmware-images',
  '@flotilla/test': 'test',
};

/** TypeScript sources of the project, from the root; generated files and planted faults (those in the tests of this folder too) left out. */
function sourceFiles(root: string): string[] {
  return globSync('{shared,hub,agent,firmware-images,test}/**/*.ts', { cwd: root })
    .filter(
      (file) => !/(^|\/)(node_modules|dist|generated|planted[^/]*)\//.test(file) && !/^test\/tidy\/(imports|checks)\.test\.ts$/.test(file),
    )
    .sort();
}

/** What a source text imports, by any form of import or re-export. Comments do not count. */
export function importsOf(text: string): string[] {
  const code = withoutComments(text);
  const forms = [
    /\b(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/g,
    /\bimport\s*['"]([^'"]+)['"]/g,
    /\bimport\s*\(\s*['"]([^'"]+)['"]/g,
  ];
  return forms.flatMap((form) => [...code.matchAll(form)].map((match) => match[1] ?? ''));
}

function withoutComments(text: string): string {
  return text.replaceAll(/^\s*\/\*[\s\S]*?\*\//gm, '').replaceAll(/(^|\s)\/\/[^\n]*/g, '$1');
}

/** The file an import leads to, from the root; undefined for npm packages and Node's own modules. */
function resolveImport(file: string, specifier: string): string | undefined {
  if (specifier.startsWith('.')) return normalize(join(dirname(file), specifier));
  if (specifier.startsWith('#')) return join(file.split('/')[0] ?? '', 'src', specifier.slice(1));
  const scoped = /^(@flotilla\/[^/]+)\/(.+)$/.exec(specifier);
  if (!scoped) return undefined;
  const place = packageRoots[scoped[1] ?? ''];
  return place && join(place, 'src', (scoped[2] ?? '').replace(/\.js$/, '.ts'));
}

const within = (file: string, place: string): boolean => file === place || file.startsWith(place.endsWith('.ts') ? place : `${place}/`);

function ruleOf(file: string): ImportRule | undefined {
  const rule = importRules.filter((candidate) => within(file, candidate.from)).sort((a, b) => b.from.length - a.from.length)[0];
  // Each controller is a room of its own: what one may import, its neighbour's folder is not part of.
  const room = /^hub\/src\/controllers\/[^/]+(?=\/)/.exec(file)?.[0];
  return rule && room ? { ...rule, from: room } : rule;
}

/** Checks one file; `exists` tells whether an imported file is there. */
export function checkFile(file: string, text: string, exists: (file: string) => boolean): Finding[] {
  const findings: Finding[] = [];
  const say = (message: string): void => void findings.push({ file, message });
  const rule = ruleOf(file);
  if (!rule) say('no rule of the import table covers this file');
  const isTest = /\.(test|contract)\.ts$/.test(file) || file.startsWith('test/');
  // A door may be a folder, or files whose names begin alike: hub/src/apiserver/server*.ts.
  const mayUseDoors =
    isTest || doorFolders.some((door) => file.startsWith(`${door}/`) || (file.startsWith(door) && dirname(file) === dirname(door)));
  for (const specifier of importsOf(text)) {
    const target = resolveImport(file, specifier);
    if (target !== undefined) {
      if (!exists(target)) say(`imports ${specifier}, which does not exist`);
      else if (
        rule &&
        !isTest &&
        dirname(target) !== dirname(file) &&
        !within(target, rule.from) &&
        !rule.may.some((place) => within(target, place))
      ) {
        say(`may not import ${target}: ${rule.why}`);
      }
      continue;
    }
    if (isBuiltin(specifier)) {
      if (!specifier.startsWith('node:')) say(`imports ${specifier}: write node:${specifier}`);
      const name = specifier.replace(/^node:/, '');
      if (/^shared\/src\/(meta|quantity|api|errors)\//.test(file) && !isTest)
        say(`may not import ${specifier}: the dashboard uses this folder in a browser`);
      else if (doorModules.has(name) && !mayUseDoors) say(`may not import ${specifier}: it is handed its doors (see shared/src/platform)`);
      continue;
    }
    const name = specifier
      .split('/')
      .slice(0, specifier.startsWith('@') ? 2 : 1)
      .join('/');
    const owners = packageOwners[name];
    if (owners && !isTest && !owners.some((owner) => within(file, owner))) say(`may not import ${name}: only ${owners.join(', ')} may`);
  }
  if (!mayUseDoors) {
    const code = withoutComments(text);
    for (const { pattern, instead } of forbiddenGlobals) {
      const found = pattern.exec(code);
      if (found) say(`uses ${found[0].trim()}: take ${instead} from a door`);
    }
  }
  return findings;
}

export function checkTree(root: string): { files: number; imports: number; findings: Finding[] } {
  const files = sourceFiles(root);
  let imports = 0;
  const findings = files.flatMap((file) => {
    const text = readFileSync(join(root, file), 'utf8');
    imports += importsOf(text).length;
    return checkFile(file, text, (target) => existsSync(join(root, target)));
  });
  return { files: files.length, imports, findings };
}
