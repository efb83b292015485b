/** The Kubernetes release whose API this is, and ours in it. */
export const kubernetesVersion = '1.34.2';
const flotillaBuild = 1;
/** What `/version` and every Node's `kubeletVersion` say. */
export const gitVersion = `v${kubernetesVersion}+flotilla.${flotillaBuild}`;
