import type { ResourceDefinition } from '#registry/generic/types.ts';
import type { Operation, Parameter, Path } from './operations.ts';

interface Connect {
  readonly name: string;
  readonly kind: string;
  readonly methods: readonly Operation['method'][];
  readonly parameters: readonly Parameter[];
  /** Whether paths of any depth lie below it. */
  readonly hasPaths: boolean;
}

const query = (name: string, type: Parameter['type'], description: string): Parameter => ({ name, in: 'query', type, description });
const both: readonly Operation['method'][] = ['get', 'post'];
const carrying = [
  query('container', 'string', 'The container; the only one when left out.'),
  query('stderr', 'boolean', 'Carry error output.'),
  query('stdin', 'boolean', 'Carry input.'),
  query('stdout', 'boolean', 'Carry output.'),
  query('tty', 'boolean', 'On a terminal.'),
];

/** The streams of a pod. */
const connects: readonly Connect[] = [
  { name: 'attach', kind: 'PodAttachOptions', methods: both, parameters: carrying, hasPaths: false },
  {
    ...{ name: 'exec', kind: 'PodExecOptions', methods: both, hasPaths: false },
    parameters: [query('command', 'string', 'The program, then its arguments, one parameter each.'), ...carrying],
  },
  {
    ...{ name: 'portforward', kind: 'PodPortForwardOptions', methods: both, hasPaths: false },
    parameters: [query('ports', 'integer', 'Ports to forward; for WebSocket channels.')],
  },
  {
    ...{ name: 'proxy', kind: 'PodProxyOptions', hasPaths: true },
    methods: ['get', 'put', 'post', 'delete', 'patch'],
    parameters: [query('path', 'string', 'The part of the URL after the proxy.')],
  },
];

const byResource: Readonly<Record<string, readonly Connect[]>> = {
  pods: connects,
  services: connects.filter(({ name }) => name === 'proxy').map((one) => ({ ...one, kind: 'ServiceProxyOptions' })),
};

/** The paths on which pods and Services are connected to, named as Kubernetes names them: `connectCoreV1PostNamespacedPodExec`. */
export function connectPaths({ group, resource, kind: of }: ResourceDefinition, base: string, parameters: readonly Parameter[]): Path[] {
  if (group !== '') return [];
  return (byResource[resource] ?? []).flatMap(({ name, kind, methods, parameters: own, hasPaths }) => {
    const title = name.replace(/^./, (letter) => letter.toUpperCase());
    const operations = (suffix: string): Operation[] =>
      methods.map((method) => ({
        method,
        id: `connectCoreV1${method.replace(/^./, (letter) => letter.toUpperCase())}Namespaced${of}${title}${suffix}`,
        description: `connect ${method.toUpperCase()} requests to ${name} of ${of}`,
        tag: 'core_v1',
        action: 'connect',
        gvk: { group: '', version: 'v1', kind },
        parameters: [],
        consumes: ['*/*'],
        produces: ['*/*'],
        body: undefined,
        answer: undefined,
      }));
    const path: Parameter = { name: 'path', in: 'path', type: 'string', description: `The path on the ${of}.` };
    const whole = { path: `${base}/{name}/${name}`, parameters: [...parameters, ...own], operations: operations('') };
    const below = { path: `${whole.path}/{path}`, parameters: [...parameters, ...own, path], operations: operations('WithPath') };
    return hasPaths ? [whole, below] : [whole];
  });
}
