import { spawnSync } from 'node:child_process';

/** What a client library does in a pod, from the pod's own network, with what the pod has: environment, hosts file, token and certificate. */
const client = `
const [env, hosts, token, ca] = JSON.parse(process.argv[1]);
const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
const address = hosts.split('\\n').find((line) => line.split(/\\s+/).includes(host)).split(/\\s+/)[0];
const options = { host: address, port, servername: host, path: '/api/v1/namespaces/default/pods', headers: { authorization: 'Bearer ' + token }, ca };
require('node:https').get(options, (response) => {
  response.setEncoding('utf8').on('data', (text) => process.stdout.write(text));
}).on('error', (error) => console.log('failed: ' + error.message));
`;

/**
 * What the API says to a program in a pod that lists the pods of the default namespace.
 * @param pid of a process in the pod. @param run runs a program in the pod and gives what it prints
 */
export async function podsSeenFrom(pid: string, run: (...command: string[]) => Promise<string>): Promise<string> {
  const mounted = '/var/run/secrets/kubernetes.io/serviceaccount';
  const read = (file: string): Promise<string> => run('cat', file);
  const env = Object.fromEntries((await run('env')).split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2)));
  const facts = [env, await read('/etc/hosts'), await read(`${mounted}/token`), await read(`${mounted}/ca.crt`)];
  const users = process.getuid?.() === 0 ? [] : ['--user', '--preserve-credentials'];
  const args = ['--target', pid, ...users, '--net', process.execPath, '-e', client, JSON.stringify(facts)];
  return spawnSync('nsenter', args, { encoding: 'utf8', timeout: 60_000 }).stdout;
}
