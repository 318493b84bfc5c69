/** Whose objects these are, on every one of them: what is found again after a crash is found by these. */
export interface Owner {
  readonly lab: string;
  /** The verification is named as its namespace. */
  readonly namespace: string;
}

/** What Kubernetes takes as the value of a label: 63 characters, letters and digits at both ends. Contexts of kubeconfigs have `/`, `:` and `@`. */
function labelValue(text: string): string {
  return text
    .replaceAll(/[^A-Za-z0-9._-]/g, '-')
    .slice(0, 63)
    .replaceAll(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '');
}

export function ownerLabels({ lab, namespace }: Owner): Readonly<Record<string, string>> {
  return { 'app.kubernetes.io/managed-by': 'cnilab', 'cnilab.dev/lab': labelValue(lab), 'cnilab.dev/verification': namespace };
}
