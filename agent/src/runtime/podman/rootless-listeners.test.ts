import { expect, test } from 'vitest';
import { userNetworks } from './rootless-listeners.ts';

test('the networks of podman without root are found among what is mounted, the newest first', () => {
  const mountinfo = `36 35 98:0 / / rw,noatime shared:1 - ext4 /dev/mmcblk0p2 rw
441 36 0:4 net:[4026532258] /run/user/1000/netns/netns-65c1638c rw shared:9 - nsfs nsfs rw
442 36 0:4 net:[4026532327] /run/user/1000/netns/rootless-netns-ef5f rw shared:9 - nsfs nsfs rw
443 36 0:4 mnt:[4026532257] /run/user/1000/rootless-netns rw - nsfs nsfs rw
444 36 0:4 net:[4026532400] /run/user/1000/my\\040own/rootless-netns/rootless-netns rw shared:9 - nsfs nsfs rw
`;
  expect(userNetworks(mountinfo)).toEqual([
    { id: 'net:[4026532400]', path: '/run/user/1000/my own/rootless-netns/rootless-netns' },
    { id: 'net:[4026532327]', path: '/run/user/1000/netns/rootless-netns-ef5f' },
  ]);
  expect(userNetworks('')).toEqual([]);
});
