import { createHash } from 'node:crypto';
import type { Descriptions } from '@flotilla/shared/api/schemas.js';
import type { ResourceDefinition } from '#registry/generic/types.ts';
import { type Dialect, document, type Json, patchDefinition, reachable } from './definitions.ts';
import { type Operation, type Parameter, pathsOf } from './operations.ts';

const ref = (name: string): string => `#/components/schemas/${name}`;
const dialect: Dialect = {
  ref,
  wrapsReferences: true,
  intOrString: { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
  quantity: { oneOf: [{ type: 'string' }, { type: 'number' }] },
};

/** `api/v1` or `apis/apps/v1`: under this a group version stands in the index. */
export function groupVersionPath({ group, version }: { readonly group: string; readonly version: string }): string {
  return group ? `apis/${group}/${version}` : `api/${version}`;
}

/** The OpenAPI 3.0 document of the kinds of one group version. */
export function openApiV3(definitions: readonly ResourceDefinition[], descriptions: Descriptions, gitVersion: string): Json {
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: gitVersion },
    paths: Object.fromEntries(
      definitions.flatMap(pathsOf).map(({ path, parameters, operations }) => [
        path,
        {
          ...Object.fromEntries(operations.map((operation) => [operation.method, operationV3(operation)])),
          parameters: parameters.map(parameterV3),
        },
      ]),
    ),
    components: {
      schemas: {
        ...Object.fromEntries(reachable(definitions).map((name) => [name, document(name, dialect, descriptions)])),
        [patchDefinition]: { type: 'object', description: 'A patch in the form that its content type names.' },
      },
    },
  };
}

/** The index that `/openapi/v3` answers with; the hash lets clients keep a document for ever. */
export function openApiV3Index(documents: ReadonlyMap<string, string>): Json {
  return {
    paths: Object.fromEntries(
      [...documents].map(([path, text]) => {
        const hash = createHash('sha512').update(text).digest('hex').toUpperCase();
        return [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }];
      }),
    ),
  };
}

function operationV3(operation: Operation): Json {
  const content = (types: readonly string[], name: string | undefined): Json =>
    Object.fromEntries(types.map((type) => [type, { schema: name ? { $ref: ref(name) } : { type: 'string' } }]));
  return {
    tags: [operation.tag],
    description: operation.description,
    operationId: operation.id,
    parameters: operation.parameters.map(parameterV3),
    ...(operation.body
      ? { requestBody: { content: content(operation.consumes, operation.body), required: operation.method !== 'delete' } }
      : {}),
    responses: { 200: { description: 'OK', content: content(operation.produces, operation.answer) }, 401: { description: 'Unauthorized' } },
    'x-kubernetes-action': operation.action,
    'x-kubernetes-group-version-kind': operation.gvk,
  };
}

function parameterV3({ name, in: place, type, description }: Parameter): Json {
  return { name, in: place, description, ...(place === 'path' ? { required: true } : {}), schema: { type, uniqueItems: true } };
}
