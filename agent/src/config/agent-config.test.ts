import { describe, expect, it } from 'vitest';
import { agentHelp, ConfigError, parseAgentConfig } from './agent-config.ts';

describe('agent config', () => {
  it('has defaults', () => {
    expect(parseAgentConfig([])).toMatchObject({
      runtime: 'podman',
      labels: {},
      taints: [],
      capacity: {},
      profile: 'default',
      keepAliveMs: undefined,
      allowShell: false,
      shellUser: undefined,
      dataDir: '/var/lib/flotilla-agent',
    });
  });

  it('reads every option', () => {
    const text =
      '--hub https://h:6443,https://i --hub https://j --proxy http://u:p@proxy:3128 --token t --data-dir /d --node-name n-1 --runtime=fake --node-labels a=b,x.io/c= --register-with-taints k=v:NoSchedule,only:NoExecute --capacity cpu=4,memory=1Gi --profile metered --keep-alive 60 --deny-operations Reboot,RestartPod --allow-shell --shell-user pi --reboot-command=/bin/boot';
    expect(parseAgentConfig(text.split(' '))).toEqual({
      ...{
        hubs: ['https://h:6443', 'https://i', 'https://j'],
        proxy: 'http://u:p@proxy:3128',
        token: 't',
        tokenFile: undefined,
        dataDir: '/d',
        nodeName: 'n-1',
        runtime: 'fake',
        logLevel: 'info',
      },
      labels: { a: 'b', 'x.io/c': '' },
      taints: [
        { key: 'k', value: 'v', effect: 'NoSchedule' },
        { key: 'only', effect: 'NoExecute' },
      ],
      capacity: { cpu: '4', memory: '1Gi' },
      profile: 'metered',
      keepAliveMs: 60_000,
      allowShell: true,
      shellUser: 'pi',
      denyOperations: ['Reboot', 'RestartPod'],
      rebootCommand: ['/bin/boot'],
    });
  });

  it.each([
    ['--hub http://h', '--hub: "http://h" is not an address like https://HOST:6443'],
    ['--hub https://h,ftp://i', '--hub: "ftp://i" is not an address like https://HOST:6443'],
    ['--proxy socks5://user:secret@p', '--proxy: this is not an address like http://USER:PASSWORD@HOST:PORT'],
    ['--runtime docker', '--runtime: "docker" is none of podman, containerd, fake'],
    ['--node-name Upper', '--node-name: "Upper" is not a name'],
    ['--node-labels nothing', '--node-labels: "nothing" is not KEY=VALUE'],
    ['--node-labels a=!', '--node-labels: "!" is not a value'],
    ['--register-with-taints a=b:Never', '--register-with-taints: "Never" is none of'],
    ['--capacity cpu', '--capacity: "cpu" is not RESOURCE=QUANTITY'],
    ['--capacity cpu=lots', '--capacity: '],
    ['--profile cheap', '--profile: "cheap" is none of lan, default, metered'],
    ['--keep-alive 0', '--keep-alive: "0" is not a number of seconds from 1 to 1200'],
    ['--keep-alive 20s', '--keep-alive: "20s" is not a number'],
    ['--deny-operations Explode', '--deny-operations: "Explode" is none of Reboot, RestartPod, CollectDiagnostics'],
    ['--reboot-command=', '--reboot-command: names no program'],
    ['--unknown 1', "Unknown option '--unknown'"],
  ])('says what is wrong with %s', (text, message) => {
    expect(() => parseAgentConfig(text.split(' '))).toThrow(ConfigError);
    expect(() => parseAgentConfig(text.split(' '))).toThrow(message);
  });

  it('explains itself', () => {
    expect(agentHelp()).toContain('--node-labels K=V,…');
  });
});
