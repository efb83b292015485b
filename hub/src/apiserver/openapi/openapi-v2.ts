import type { Descriptions } from '@flotilla/shared/api/schemas.js';
import type { ResourceDefinition } from '#registry/generic/types.ts';
import { type Dialect, document, type Json, patchDefinition, reachable } from './definitions.ts';
import { type Operation, type Parameter, pathsOf } from './operations.ts';

const ref = (name: string): string => `#/definitions/${name}`;
const dialect: Dialect = {
  ref,
  wrapsReferences: false,
  intOrString: { type: 'string', format: 'int-or-string' },
  quantity: { type: 'string' },
};

/** The OpenAPI 2.0 document of all kinds: what kubectl reads before version 1.27, and for dry runs long after. */
export function openApiV2(definitions: readonly ResourceDefinition[], descriptions: Descriptions, gitVersion: string): Json {
  return {
    swagger: '2.0',
    info: { title: 'Kubernetes', version: gitVersion },
    paths: Object.fromEntries(
      definitions.flatMap(pathsOf).map(({ path, parameters, operations }) => [
        path,
        {
          ...Object.fromEntries(operations.map((operation) => [operation.method, operationV2(operation)])),
          parameters: parameters.map(parameterV2),
        },
      ]),
    ),
    definitions: {
      ...Object.fromEntries(reachable(definitions).map((name) => [name, document(name, dialect, descriptions)])),
      [patchDefinition]: { type: 'object', description: 'A patch in the form that its content type names.' },
    },
  };
}

function operationV2(operation: Operation): Json {
  const body = operation.body
    ? [{ name: 'body', in: 'body', required: operation.method !== 'delete', schema: { $ref: ref(operation.body) } }]
    : [];
  return {
    tags: [operation.tag],
    description: operation.description,
    operationId: operation.id,
    consumes: operation.consumes,
    produces: operation.produces,
    schemes: ['https'],
    parameters: [...body, ...operation.parameters.map(parameterV2)],
    responses: {
      200: { description: 'OK', schema: operation.answer ? { $ref: ref(operation.answer) } : { type: 'string' } },
      401: { description: 'Unauthorized' },
    },
    'x-kubernetes-action': operation.action,
    'x-kubernetes-group-version-kind': operation.gvk,
  };
}

function parameterV2({ name, in: place, type, description }: Parameter): Json {
  return { name, in: place, type, description, uniqueItems: true, ...(place === 'path' ? { required: true } : {}) };
}
