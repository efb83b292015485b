/**
 * Whether this is where one pod's processes are, below a cgroup hierarchy's root: absolute, without a way out, and not the root, below
 * which everybody's processes are. Words in the guard's file are divided by blanks.
 */
export function isPodCgroup(path: string): boolean {
  return /^(\/[^/\s]+)+$/.test(path) && !path.includes('..') && !`${path}/`.includes('/./');
}
