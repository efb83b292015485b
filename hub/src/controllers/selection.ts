/**
 * Whether a controller runs (kube-controller-manager's --controllers): `name` switches it on, `-name` off, `*` all the others on.
 * @throws Error on a name that no controller has
 */
export function isSelected(name: string, selection: readonly string[], known: readonly string[]): boolean {
  const wrong = selection.find((entry) => entry !== '*' && !known.includes(entry.replace(/^-/, '')));
  if (wrong) throw new Error(`"${wrong.replace(/^-/, '')}" is not in the list of known controllers`);
  if (selection.includes(name)) return true;
  if (selection.includes(`-${name}`)) return false;
  return selection.includes('*');
}
