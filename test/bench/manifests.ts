const labels = { app: 'bench' };

function podSpec(more: Record<string, unknown>): Record<string, unknown> {
  const resources = { requests: { cpu: '10m' }, limits: { cpu: '100m', memory: '32Mi' } };
  const container = { name: 'main', image: 'localhost/flotilla-demo:1', command: ['sleep', '3600'], resources };
  return { terminationGracePeriodSeconds: 0, containers: [container], ...more };
}

/** A pod of one container with limits, which runs until it is deleted. */
export function benchPod(name: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels }, spec: podSpec(more) };
}

export function benchDeployment(name: string, replicas: number): Record<string, unknown> {
  const spec = { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: podSpec({}) } };
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name }, spec };
}

export function benchNode(name: string): Record<string, unknown> {
  const status = { capacity: { cpu: '4', memory: '1Gi', pods: '1000' }, allocatable: { cpu: '4', memory: '1Gi', pods: '1000' } };
  return { apiVersion: 'v1', kind: 'Node', metadata: { name }, status };
}
