const eight = [0, 1, 2, 3, 4, 5, 6, 7];

interface SceneWrite {
  readonly key: string;
  /** undefined deletes. */
  readonly value: string | undefined;
}

/** What the scene of a store writes: groups one after the other, the writes of a group at once; before the last group it compacts. */
export const sceneWrites: readonly (readonly SceneWrite[])[] = [
  ...eight.map((n) => [{ key: `/kept/${n}`, value: `${'x'.repeat(1000)}${n}` }]),
  eight.map((n) => ({ key: `/gone/${n}`, value: `${'y'.repeat(1000)}${n}` })),
  eight.map((n) => ({ key: `/gone/${n}`, value: undefined })),
  [{ key: '/kept/0', value: 'changed' }],
  [{ key: '/kept/1', value: 'changed-after' }],
];
