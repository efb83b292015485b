/** Replaces `$(NAME)` by what `lookup` gives and `$$` by `$`; a reference that leads nowhere stays as it is (Kubernetes' `third_party/forked/golang/expansion`). */
export function expand(text: string, lookup: (name: string) => string | undefined): string {
  return text.replace(/\$(\$|\(([^)]*)\))/g, (whole, what: string, name: string | undefined) => {
    if (what === '$') return '$';
    return lookup(name ?? '') ?? whole;
  });
}
