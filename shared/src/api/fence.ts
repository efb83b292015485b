/** The taint by which an operator says that a node which is not ready runs nothing any more (Kubernetes 1.34, non-graceful node shutdown). */
export const outOfService = { key: 'node.kubernetes.io/out-of-service', value: 'nodeshutdown', effect: 'NoExecute' } as const;

/** Who set it and when; kept by the hub. */
export const fenceAnnotations = { by: 'fleet.flotilla.dev/fenced-by', at: 'fleet.flotilla.dev/fenced-at' } as const;
