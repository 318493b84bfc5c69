/** The few shapes of Kubernetes objects that are synthesized here, as the API takes them; fields that no object of ours sets are left out. */
import type { KubernetesObject } from '../../topology/spec.ts';

/** A type, not an interface: only those fit the open metadata of {@link KubernetesObject}. */
export type ObjectMeta = {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
};

export interface Namespace extends KubernetesObject {
  readonly apiVersion: 'v1';
  readonly kind: 'Namespace';
  readonly metadata: ObjectMeta;
}

export interface ServiceAccount extends KubernetesObject {
  readonly apiVersion: 'v1';
  readonly kind: 'ServiceAccount';
  readonly metadata: ObjectMeta;
}

export interface ConfigMap extends KubernetesObject {
  readonly apiVersion: 'v1';
  readonly kind: 'ConfigMap';
  readonly metadata: ObjectMeta;
  readonly data: Readonly<Record<string, string>>;
}

export interface Secret extends KubernetesObject {
  readonly apiVersion: 'v1';
  readonly kind: 'Secret';
  readonly metadata: ObjectMeta;
  readonly type: string;
  readonly stringData: Readonly<Record<string, string>>;
}

export interface PolicyRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

export interface Role extends KubernetesObject {
  readonly apiVersion: 'rbac.authorization.k8s.io/v1';
  readonly kind: 'Role' | 'ClusterRole';
  readonly metadata: ObjectMeta;
  readonly rules: readonly PolicyRule[];
}

export interface RoleBinding extends KubernetesObject {
  readonly apiVersion: 'rbac.authorization.k8s.io/v1';
  readonly kind: 'RoleBinding' | 'ClusterRoleBinding';
  readonly metadata: ObjectMeta;
  readonly roleRef: { readonly apiGroup: 'rbac.authorization.k8s.io'; readonly kind: Role['kind']; readonly name: string };
  readonly subjects: readonly { readonly kind: 'ServiceAccount'; readonly name: string; readonly namespace: string }[];
}

export interface LabelSelector {
  readonly matchLabels: Readonly<Record<string, string>>;
}

export interface DaemonSet extends KubernetesObject {
  readonly apiVersion: 'apps/v1';
  readonly kind: 'DaemonSet';
  readonly metadata: ObjectMeta;
  readonly spec: {
    readonly selector: LabelSelector;
    readonly template: PodTemplate;
    readonly updateStrategy?: {
      readonly type: 'RollingUpdate' | 'OnDelete';
      readonly rollingUpdate?: { readonly maxUnavailable?: number | string; readonly maxSurge?: number | string };
    };
  };
}

export interface Job extends KubernetesObject {
  readonly apiVersion: 'batch/v1';
  readonly kind: 'Job';
  readonly metadata: ObjectMeta;
  readonly spec: {
    readonly template: PodTemplate;
    readonly backoffLimit: number;
    readonly completions?: number;
    readonly parallelism?: number;
    readonly completionMode?: 'Indexed' | 'NonIndexed';
    readonly activeDeadlineSeconds?: number;
    readonly ttlSecondsAfterFinished?: number;
  };
}

export interface PodTemplate {
  readonly metadata: { readonly labels: Readonly<Record<string, string>>; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: PodSpec;
}

export interface PodSpec {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes?: readonly Volume[];
  readonly serviceAccountName?: string;
  readonly automountServiceAccountToken?: boolean;
  readonly enableServiceLinks?: boolean;
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly dnsPolicy?: 'ClusterFirst' | 'ClusterFirstWithHostNet' | 'Default' | 'None';
  readonly priorityClassName?: string;
  readonly nodeName?: string;
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly affinity?: Affinity;
  readonly tolerations?: readonly Toleration[];
  readonly restartPolicy?: 'Always' | 'OnFailure' | 'Never';
  readonly activeDeadlineSeconds?: number;
  readonly terminationGracePeriodSeconds?: number;
  readonly securityContext?: {
    readonly runAsUser?: number;
    readonly runAsGroup?: number;
    readonly runAsNonRoot?: boolean;
    readonly fsGroup?: number;
    readonly sysctls?: readonly { readonly name: string; readonly value: string }[];
    readonly seccompProfile?: { readonly type: 'RuntimeDefault' | 'Unconfined' };
  };
}

export interface Affinity {
  readonly nodeAffinity?: {
    readonly requiredDuringSchedulingIgnoredDuringExecution: {
      readonly nodeSelectorTerms: readonly {
        readonly matchExpressions?: readonly NodeSelectorRequirement[];
        readonly matchFields?: readonly NodeSelectorRequirement[];
      }[];
    };
  };
  readonly podAntiAffinity?: {
    readonly requiredDuringSchedulingIgnoredDuringExecution: readonly { readonly labelSelector: LabelSelector; readonly topologyKey: string }[];
  };
}

export interface NodeSelectorRequirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values?: readonly string[];
}

export interface Toleration {
  readonly key?: string;
  readonly operator: 'Exists' | 'Equal';
  readonly value?: string;
  readonly effect?: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
  readonly tolerationSeconds?: number;
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly imagePullPolicy?: 'Always' | 'IfNotPresent' | 'Never';
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly workingDir?: string;
  readonly env?: readonly EnvVar[];
  readonly ports?: readonly {
    readonly name?: string;
    readonly containerPort: number;
    readonly hostPort?: number;
    readonly protocol?: 'TCP' | 'UDP' | 'SCTP';
  }[];
  readonly resources?: { readonly requests?: Readonly<Record<string, string>>; readonly limits?: Readonly<Record<string, string>> };
  readonly securityContext?: {
    readonly privileged?: boolean;
    readonly allowPrivilegeEscalation?: boolean;
    readonly readOnlyRootFilesystem?: boolean;
    readonly runAsUser?: number;
    readonly runAsGroup?: number;
    readonly runAsNonRoot?: boolean;
    readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] };
    readonly seccompProfile?: { readonly type: 'RuntimeDefault' | 'Unconfined' };
  };
  readonly volumeMounts?: readonly VolumeMount[];
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly startupProbe?: Probe;
  readonly terminationMessagePolicy?: 'File' | 'FallbackToLogsOnError';
}

export type EnvVar =
  | { readonly name: string; readonly value: string }
  | {
      readonly name: string;
      readonly valueFrom:
        | { readonly fieldRef: { readonly fieldPath: string } }
        | { readonly secretKeyRef: { readonly name: string; readonly key: string } }
        | { readonly configMapKeyRef: { readonly name: string; readonly key: string } };
    };

export interface VolumeMount {
  readonly name: string;
  readonly mountPath: string;
  readonly subPath?: string;
  readonly readOnly?: boolean;
  readonly mountPropagation?: 'None' | 'HostToContainer' | 'Bidirectional';
}

export type Volume = { readonly name: string } & (
  | { readonly hostPath: { readonly path: string; readonly type?: 'Directory' | 'DirectoryOrCreate' | 'File' | 'FileOrCreate' } }
  | { readonly configMap: { readonly name: string; readonly defaultMode?: number; readonly optional?: boolean } }
  | { readonly secret: { readonly secretName: string; readonly defaultMode?: number; readonly optional?: boolean } }
  | { readonly projected: { readonly defaultMode?: number; readonly sources: readonly ProjectedSource[] } }
  | { readonly emptyDir: { readonly medium?: 'Memory'; readonly sizeLimit?: string } }
);

export type ProjectedSource =
  | { readonly serviceAccountToken: { readonly path: string; readonly expirationSeconds?: number } }
  | { readonly configMap: { readonly name: string; readonly items?: readonly { readonly key: string; readonly path: string }[] } };

export type Probe = (
  | { readonly exec: { readonly command: readonly string[] } }
  | { readonly httpGet: { readonly path: string; readonly port: number | string; readonly host?: string; readonly scheme?: 'HTTP' | 'HTTPS' } }
  | { readonly tcpSocket: { readonly port: number | string; readonly host?: string } }
) & {
  readonly initialDelaySeconds?: number;
  readonly periodSeconds?: number;
  readonly timeoutSeconds?: number;
  readonly failureThreshold?: number;
  readonly successThreshold?: number;
};
