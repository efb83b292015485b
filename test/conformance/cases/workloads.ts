import { topic } from '../exchange.ts';

const selector = { matchLabels: { app: 'x' } };
const template = (more: object = {}, metadata: object = { labels: { app: 'x' } }) => ({
  metadata,
  spec: { containers: [{ name: 'c', image: 'i' }], ...more },
});
const object = (kind: string, name: string, spec: object) => ({ apiVersion: 'apps/v1', kind, metadata: { name }, spec });
const fine = { selector, template: template() };

/** Specs that deployments and replica sets share. */
const shared: Record<string, object> = {
  nothing: {},
  'the least': fine,
  'no selector': { template: template() },
  'an empty selector': { selector: {}, template: template() },
  'a bad selector': { selector: { matchLabels: { 'a b': 'c' } }, template: template() },
  'a selector with a bad operator': { selector: { matchExpressions: [{ key: 'a', operator: 'x' }] }, template: template() },
  'a selector with In and no values': {
    selector: { matchExpressions: [{ key: 'app', operator: 'In', values: [] }] },
    template: template(),
  },
  'a selector with Exists and values': {
    selector: { matchExpressions: [{ key: 'app', operator: 'Exists', values: ['a'] }] },
    template: template(),
  },
  'a selector by expression': {
    selector: { matchExpressions: [{ key: 'app', operator: 'In', values: ['x', 'y'] }] },
    template: template(),
  },
  'a template that does not match': { selector, template: template({}, { labels: { app: 'y' } }) },
  'a template without labels': { selector, template: template({}, {}) },
  'no template': { selector },
  'no containers': { selector, template: template({ containers: [] }) },
  'a bad container': { selector, template: template({ containers: [{ name: 'C' }] }) },
  'a restart policy': { selector, template: template({ restartPolicy: 'Never' }) },
  'a deadline': { selector, template: template({ activeDeadlineSeconds: 5 }) },
  'a bad label in the template': { selector, template: template({}, { labels: { app: 'x', 'a b': 'c' } }) },
  'a bad annotation in the template': { selector, template: template({}, { labels: { app: 'x' }, annotations: { 'a b': 'c' } }) },
  'a name in the template': { selector, template: template({}, { name: 'n', labels: { app: 'x' } }) },
  'no replicas': { ...fine, replicas: 0 },
  'negative replicas': { ...fine, replicas: -1 },
  'a negative time': { ...fine, minReadySeconds: -1 },
  'a time to be ready': { ...fine, minReadySeconds: 5 },
  'a volume that is not mounted': { selector, template: template({ volumes: [{ name: 'v', emptyDir: {} }] }) },
};

const deployments: Record<string, object> = {
  'a strategy': { ...fine, strategy: { type: 'Recreate' } },
  'a bad strategy': { ...fine, strategy: { type: 'x' } },
  'recreate with settings': { ...fine, strategy: { type: 'Recreate', rollingUpdate: { maxSurge: 1 } } },
  'settings without type': { ...fine, strategy: { rollingUpdate: { maxSurge: 2 } } },
  percentages: { ...fine, strategy: { rollingUpdate: { maxSurge: '50%', maxUnavailable: '100%' } } },
  'a bad percentage': { ...fine, strategy: { rollingUpdate: { maxSurge: 'x%' } } },
  'more than 100 percent unavailable': { ...fine, strategy: { rollingUpdate: { maxUnavailable: '101%' } } },
  'a negative surge': { ...fine, strategy: { rollingUpdate: { maxSurge: -1 } } },
  'nothing may move': { ...fine, strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: '0%' } } },
  'a history limit': { ...fine, revisionHistoryLimit: 0 },
  'a negative history limit': { ...fine, revisionHistoryLimit: -1 },
  'a progress deadline': { ...fine, progressDeadlineSeconds: 5 },
  'a progress deadline that is too short': { ...fine, minReadySeconds: 5, progressDeadlineSeconds: 5 },
  'a negative progress deadline': { ...fine, progressDeadlineSeconds: -5 },
  paused: { ...fine, paused: true },
};

const statuses: Record<string, object> = {
  'all counts': { observedGeneration: 1, replicas: 3, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 1, unavailableReplicas: 2 },
  'negative counts': { replicas: -1, readyReplicas: -1 },
  'more ready than there are': { replicas: 1, readyReplicas: 2 },
  'more available than ready': { replicas: 2, readyReplicas: 1, availableReplicas: 2 },
  'more updated than there are': { replicas: 1, updatedReplicas: 2 },
  'more labeled than there are': { replicas: 1, fullyLabeledReplicas: 2 },
  'a condition': { conditions: [{ type: 'Available', status: 'True' }] },
  'a negative collision count': { collisionCount: -1 },
  'a negative generation': { observedGeneration: -1 },
};

const scale = (name: string, spec: object, metadata: object = {}) => ({
  apiVersion: 'autoscaling/v1',
  kind: 'Scale',
  metadata: { name, ...metadata },
  spec,
});

export const workloads = topic('workloads', (t) => {
  for (const [resource, kind] of [
    ['deployments', 'Deployment'],
    ['replicasets', 'ReplicaSet'],
  ] as const) {
    const all = t.path(resource, '', 'apps/v1');
    const of = (name: string, more = ''): string => t.path(resource, name, 'apps/v1') + more;
    for (const [what, spec] of Object.entries(shared)) t.post(`${kind}: ${what}`, `${all}?dryRun=All`, object(kind, 'd', spec));
    t.post(`${kind}: a long name`, `${all}?dryRun=All`, object(kind, 'd'.repeat(64), fine));
    t.post(`${kind}: a bad name`, `${all}?dryRun=All`, object(kind, 'D', fine));
    t.post(
      `${kind}: create`,
      all,
      { ...object(kind, 'd', { ...fine, replicas: 2 }), status: { replicas: 5 } },
      { keep: { version: '/metadata/resourceVersion', uid: '/metadata/uid' } },
    );
    t.get(`${kind}: get`, of('d'));
    t.put(`${kind}: replace raises the generation`, of('d'), object(kind, 'd', { ...fine, replicas: 3 }));
    t.put(`${kind}: replace with the same`, of('d'), object(kind, 'd', { ...fine, replicas: 3 }));
    t.patch(`${kind}: a label does not raise it`, of('d'), 'merge', { metadata: { labels: { a: 'b' } } });
    t.patch(`${kind}: an annotation`, of('d'), 'merge', { metadata: { annotations: { a: 'b' } } });
    t.put(
      `${kind}: the selector cannot change`,
      of('d'),
      object(kind, 'd', { selector: { matchLabels: { app: 'y' } }, template: template({}, { labels: { app: 'y' } }) }),
    );
    t.put(`${kind}: a bad template on update`, of('d'), object(kind, 'd', { selector, template: template({ containers: [] }) }));
    t.put(`${kind}: with an old version`, of('d'), { ...object(kind, 'd', fine), metadata: { name: 'd', resourceVersion: '{version}' } });
    for (const [what, status] of Object.entries(statuses))
      t.patch(`${kind} status: ${what}`, of('d', '/status?dryRun=All'), 'merge', { status });
    t.patch(`${kind} status: written`, of('d', '/status'), 'merge', {
      status: { replicas: 3, readyReplicas: 2, observedGeneration: 2 },
      spec: { replicas: 99 },
    });
    t.get(`${kind} status: get`, of('d', '/status'));
    t.put(`${kind}: the status is not changed`, of('d'), { ...object(kind, 'd', { ...fine, replicas: 3 }), status: { replicas: 77 } });
    t.get(`${kind} scale: get`, of('d', '/scale'));
    t.get(`${kind} scale: of what is not there`, of('none', '/scale'));
    t.get(`${kind} scale: as a table`, of('d', '/scale'), { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' } });
    t.put(`${kind} scale: up`, of('d', '/scale'), scale('d', { replicas: 5 }));
    t.put(`${kind} scale: dry run`, of('d', '/scale?dryRun=All'), scale('d', { replicas: 50 }));
    t.put(`${kind} scale: negative`, of('d', '/scale'), scale('d', { replicas: -5 }));
    t.put(`${kind} scale: nothing`, of('d', '/scale'), scale('d', {}));
    t.put(`${kind} scale: under another name`, of('d', '/scale'), scale('e', { replicas: 5 }));
    t.put(`${kind} scale: without name`, of('d', '/scale'), { apiVersion: 'autoscaling/v1', kind: 'Scale', spec: { replicas: 5 } });
    t.put(`${kind} scale: in another namespace`, of('d', '/scale'), scale('d', { replicas: 5 }, { namespace: 'other' }));
    t.put(`${kind} scale: with an old version`, of('d', '/scale'), scale('d', { replicas: 5 }, { resourceVersion: '{version}' }));
    t.put(`${kind} scale: with another uid`, of('d', '/scale'), scale('d', { replicas: 5 }, { uid: 'x' }));
    t.put(`${kind} scale: of another kind`, of('d', '/scale'), object(kind, 'd', fine));
    t.patch(`${kind} scale: merge`, of('d', '/scale'), 'merge', { spec: { replicas: 6 } });
    t.patch(`${kind} scale: strategic`, of('d', '/scale'), 'strategic', { spec: { replicas: 7 } });
    t.patch(`${kind} scale: JSON patch`, of('d', '/scale'), 'json', [{ op: 'replace', path: '/spec/replicas', value: 8 }]);
    t.patch(`${kind} scale: a bad patch`, of('d', '/scale'), 'merge', { spec: { replicas: 'x' } });
    t.patch(`${kind} scale: an unknown field`, of('d', '/scale?fieldValidation=Strict'), 'merge', { spec: { wrong: 1 } });
    t.delete(`${kind} scale: DELETE`, of('d', '/scale'));
    t.get(`${kind}: as a table`, all, { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' } });
    t.get(`${kind}: by a field`, `${all}?fieldSelector=spec.replicas%3D1`);
    t.delete(`${kind}: delete`, of('d'));
    t.get(`${kind}: what the deletion left`, of('d'));
  }
  for (const [what, spec] of Object.entries(deployments)) {
    t.post(`Deployment: ${what}`, `${t.path('deployments', '', 'apps/v1')}?dryRun=All`, object('Deployment', 'd', spec));
  }
});
