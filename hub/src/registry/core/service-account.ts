import type { ServiceAccount } from '@flotilla/shared/api/generated/types.js';
import { ageColumn, nameColumn, textColumn } from '#registry/generic/columns.ts';
import type { ResourceDefinition } from '#registry/generic/types.ts';
import { validateMetadata } from '#registry/validation/metadata.ts';
import { subdomainName } from '#registry/validation/names.ts';

/** Of a secret only its name is kept. */
function cleanReferences(account: ServiceAccount): void {
  if (account.secrets) account.secrets = account.secrets.map(({ name }) => (name === undefined ? {} : { name }));
}

export const serviceAccounts: ResourceDefinition<ServiceAccount> = {
  group: '',
  version: 'v1',
  kind: 'ServiceAccount',
  resource: 'serviceaccounts',
  singular: 'serviceaccount',
  shortNames: ['sa'],
  namespaced: true,
  schema: 'io.k8s.api.core.v1.ServiceAccount',
  strategy: {
    prepareForCreate: cleanReferences,
    prepareForUpdate: cleanReferences,
    validate: (account) => validateMetadata(account, { namespaced: true, name: subdomainName }),
    validateUpdate: () => [],
  },
  columns: [
    nameColumn,
    textColumn('Secrets', 'The number of secrets pods of this account may use.', ({ secrets = [] }) => secrets.length),
    ageColumn,
  ],
  subresources: [{ name: 'token', kind: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' }, verbs: ['create'] }],
  returnsDeletedObject: true,
};
