import { describe, expect, it } from 'vitest';
import { makeBoard, makeContainer, makePod } from './agent-harness.ts';

describe('agent', () => {
  it('runs a pod and tells of it in Kubernetes’ words', async () => {
    const board = await makeBoard();
    await board.hub.want([makePod('web')]);
    await board.pass(2000);
    const status = board.hub.status('web');
    expect(status).toMatchObject({
      phase: 'Running',
      podIP: expect.stringMatching(/^10\.213\.7\./),
      hostIP: '192.0.2.7',
      qosClass: 'BestEffort',
      containerStatuses: [{ name: 'main', ready: true, started: true, restartCount: 0, state: { running: { startedAt: expect.any(String) } } }],
    });
    expect(status.containerStatuses?.[0]?.containerID).toMatch(/^fake:\/\//);
    expect(status.conditions?.map(({ type, status: value }) => `${type}=${value}`)).toEqual([
      'PodReadyToStartContainers=True',
      'Initialized=True',
      'Ready=True',
      'ContainersReady=True',
    ]);
    expect(board.hub.said('web')).toEqual([
      'Pulled: Container image "localhost/app:1" already present on machine',
      'Created: Created container: main',
      'Started: Started container main',
    ]);
    expect(board.hub.node?.status).toMatchObject({ capacity: { cpu: '4', pods: '110' } });
  });

  it('restarts what ends, with back-off', async () => {
    const board = await makeBoard();
    await board.hub.want([makePod('crash', { containers: [makeContainer('main', { FAKE_EXIT_CODE: '3', FAKE_EXIT_AFTER_MS: '100' })] })]);
    await board.pass(5000);
    expect(board.hub.status('crash').containerStatuses?.[0]).toMatchObject({
      ready: false,
      restartCount: 1,
      state: { waiting: { reason: 'CrashLoopBackOff', message: expect.stringMatching(/^back-off 10s restarting failed container=main pod=crash_default\(uid-/) } },
      lastState: { terminated: { exitCode: 3, reason: 'Error' } },
    });
    expect(board.hub.status('crash').phase).toBe('Running');
    expect(board.runtime.starts.get('default/crash/main')).toBe(2);
    await board.pass(6000);
    expect(board.runtime.starts.get('default/crash/main')).toBe(3);
    await board.pass(19_000);
    expect(board.runtime.starts.get('default/crash/main')).toBe(3);
    await board.pass(2000);
    expect(board.runtime.starts.get('default/crash/main')).toBe(4);
  });
});
