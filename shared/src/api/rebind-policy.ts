/** What becomes of a node whose card is put into another machine, said by an annotation of it: `Approve` lets it go on there at once. */
export const rebindAnnotation = 'fleet.flotilla.dev/rebind';
/** `Ask`, also when left out: an operator decides. */
export const rebindPolicies = ['Approve', 'Ask'] as const;
