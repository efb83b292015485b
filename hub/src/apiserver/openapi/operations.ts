import type { ResourceDefinition } from '#registry/generic/types.ts';
import { connectPaths } from './connect-operations.ts';
import {
  definitionOf,
  deleteOptionsDefinition,
  type GroupVersionKind,
  listDefinition,
  patchDefinition,
  statusDefinition,
} from './definitions.ts';

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query';
  readonly type: 'string' | 'integer' | 'boolean';
  readonly description: string;
}

/** One verb of one path, in neither version's words yet. */
export interface Operation {
  readonly method: 'get' | 'put' | 'post' | 'delete' | 'patch';
  readonly id: string;
  readonly description: string;
  readonly tag: string;
  /** Kubernetes' name of the action: `list`, `post`, `connect`, … */
  readonly action: string;
  readonly gvk: GroupVersionKind;
  readonly parameters: readonly Parameter[];
  readonly consumes: readonly string[];
  readonly produces: readonly string[];
  /** Definitions of what is sent and what comes back; an answer without one is text. */
  readonly body: string | undefined;
  readonly answer: string | undefined;
}

export interface Path {
  readonly path: string;
  readonly parameters: readonly Parameter[];
  readonly operations: readonly Operation[];
}

const query = (name: string, type: Parameter['type'], description: string): Parameter => ({ name, in: 'query', type, description });
const pretty = query('pretty', 'string', 'If true, the answer is indented.');
const dryRun = query('dryRun', 'string', 'All: go through every step but do not store the result.');
const fieldManager = query('fieldManager', 'string', 'The name of who makes this change.');
const fieldValidation = query('fieldValidation', 'string', 'What happens to unknown and duplicate fields: Ignore, Warn or Strict.');
const force = query('force', 'boolean', 'Take fields over that others own; for server-side apply only.');
const selecting = [
  query('allowWatchBookmarks', 'boolean', 'Send bookmarks while watching.'),
  query('continue', 'string', 'Where the page before ended.'),
  query('fieldSelector', 'string', 'Restricts the objects by their fields.'),
  query('labelSelector', 'string', 'Restricts the objects by their labels.'),
  query('limit', 'integer', 'How many objects come in one page.'),
  query('resourceVersion', 'string', 'The version from which to list or watch.'),
  query('resourceVersionMatch', 'string', 'How resourceVersion is meant: Exact or NotOlderThan.'),
  query('sendInitialEvents', 'boolean', 'Begin a watch with what is there.'),
  query('timeoutSeconds', 'integer', 'Ends the call after this time.'),
  query('watch', 'boolean', 'Follow the changes.'),
];
const deleting = [
  dryRun,
  query('gracePeriodSeconds', 'integer', 'Seconds until the object goes; 0 is at once.'),
  query('propagationPolicy', 'string', 'What happens to dependents: Orphan, Background or Foreground.'),
];
const writing = [dryRun, fieldManager, fieldValidation];
const nameParameter: Parameter = { name: 'name', in: 'path', type: 'string', description: 'Name of the object.' };
const namespaceParameter: Parameter = { name: 'namespace', in: 'path', type: 'string', description: 'Namespace of the object.' };

const answers = ['application/json', 'application/yaml'];
const watched = [...answers, 'application/json;stream=watch'];
const patches = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];

/** The paths of one kind, as Kubernetes lays them out. */
export function pathsOf(definition: ResourceDefinition): Path[] {
  const { group, version, kind, resource, namespaced, schema, subresources = [] } = definition;
  const gvk = { group, version, kind };
  const root = group ? `/apis/${group}/${version}` : `/api/${version}`;
  const tag = `${group ? (group.split('.')[0] ?? '') : 'core'}_${version}`;
  const prefix = tag.replace(/(^|_)(.)/g, (_, _start, letter: string) => letter.toUpperCase());
  const scope = namespaced ? 'Namespaced' : '';
  const scoped = namespaced ? [namespaceParameter, pretty] : [pretty];
  const one = [nameParameter, ...scoped];
  const list = listDefinition(schema);
  const base = namespaced ? `${root}/namespaces/{namespace}/${resource}` : `${root}/${resource}`;
  const verb = (method: Operation['method'], action: string, name: string, more: Partial<Operation> = {}): Operation => ({
    method,
    action,
    id: `${name.split(' ')[0]}${prefix}${scope}${kind}${name.split(' ')[1] ?? ''}`,
    description: `${action} ${kind}`,
    tag,
    gvk,
    parameters: [],
    consumes: ['*/*'],
    produces: answers,
    body: undefined,
    answer: schema,
    ...more,
  });
  const object: Operation[] = [
    verb('get', 'get', 'read'),
    verb('put', 'put', 'replace', { parameters: writing, body: schema }),
    verb('delete', 'delete', 'delete', { parameters: deleting, body: deleteOptionsDefinition, answer: statusDefinition }),
    verb('patch', 'patch', 'patch', { parameters: [...writing, force], consumes: patches, body: patchDefinition }),
  ];
  const paths: Path[] = [
    {
      path: base,
      parameters: scoped,
      operations: [
        verb('get', 'list', 'list', { parameters: selecting, produces: watched, answer: list }),
        verb('post', 'post', 'create', { parameters: writing, body: schema }),
        verb('delete', 'deletecollection', 'deleteCollection', {
          parameters: [...deleting, ...selecting],
          body: deleteOptionsDefinition,
          answer: statusDefinition,
        }),
      ],
    },
    { path: `${base}/{name}`, parameters: one, operations: object },
  ];
  if (namespaced) {
    const everywhere = verb('get', 'list', 'list', { parameters: selecting, produces: watched, answer: list });
    paths.push({
      path: `${root}/${resource}`,
      parameters: [pretty],
      operations: [{ ...everywhere, id: `list${prefix}${kind}ForAllNamespaces` }],
    });
  }
  for (const subresource of subresources) {
    const answer = definitionOf(subresource.kind) ?? schema;
    const title = subresource.name.replace(/^./, (letter) => letter.toUpperCase());
    const own = { gvk: subresource.kind, answer };
    const operations = subresource.verbs.flatMap((name): Operation[] => {
      if (name === 'get') return [verb('get', 'get', `read ${title}`, own)];
      if (name === 'update') return [verb('put', 'put', `replace ${title}`, { ...own, parameters: writing, body: answer })];
      if (name === 'patch') {
        return [
          verb('patch', 'patch', `patch ${title}`, { ...own, parameters: [...writing, force], consumes: patches, body: patchDefinition }),
        ];
      }
      if (name === 'create') return [verb('post', 'post', `create ${title}`, { ...own, parameters: writing, body: answer })];
      return [];
    });
    if (operations.length > 0) paths.push({ path: `${base}/{name}/${subresource.name}`, parameters: one, operations });
  }
  paths.push(...connectPaths(definition, base, [nameParameter, namespaceParameter]));
  return paths;
}
