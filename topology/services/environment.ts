import type { LabPlan, PodPlan } from '../plan.ts';
import type { ServicePlan } from './service-plan.ts';

/** Variables by name. */
export type Environment = Readonly<Record<string, string>>;

/** In upper case, with underscores for dashes and dots: `my-db` → `MY_DB`. */
const variable = (name: string): string => name.toUpperCase().replaceAll(/[-.]/g, '_');

/** Address and port as a URL has them. */
const at = (address: string, port: number): string => `${address.includes(':') ? `[${address}]` : address}:${port}`;

/** NAME_SERVICE_HOST and _PORT, and what a Docker link would have set: NAME_PORT, and four of each port. A headless Service and an alias have none. */
function ofService({ name, clusterIPs: [address], ports }: ServicePlan): Environment {
  const [first] = ports;
  if (address === undefined || first === undefined) return {};
  const prefix = variable(name);
  const url = (port: typeof first): string => `${port.protocol.toLowerCase()}://${at(address, port.port)}`;
  return {
    [`${prefix}_SERVICE_HOST`]: address,
    [`${prefix}_SERVICE_PORT`]: String(first.port),
    ...Object.fromEntries(
      ports.flatMap((port): [string, string][] => (port.name === '' ? [] : [[`${prefix}_SERVICE_PORT_${variable(port.name)}`, String(port.port)]])),
    ),
    [`${prefix}_PORT`]: url(first),
    ...Object.fromEntries(
      ports.flatMap((port): [string, string][] => {
        const link = `${prefix}_PORT_${port.port}_${port.protocol}`;
        return [
          [link, url(port)],
          [`${link}_PROTO`, port.protocol.toLowerCase()],
          [`${link}_PORT`, String(port.port)],
          [`${link}_ADDR`, address],
        ];
      }),
    ),
  };
}

const API = 'kubernetes';
const isApi = ({ namespace, name }: ServicePlan): boolean => namespace === 'default' && name === API;

/** Those of a pod that is started now. */
function environmentNow(pod: PodPlan, services: readonly ServicePlan[]): Environment {
  const own = pod.serviceLinks === false ? [] : services.filter(({ namespace }) => namespace === pod.namespace);
  // A Service of its own namespace that is called kubernetes takes the place of the API's.
  const api = own.some(({ name, clusterIPs }) => name === API && clusterIPs.length > 0) ? [] : services.filter(isApi);
  return Object.fromEntries([...api, ...own].flatMap((service) => Object.entries(ofService(service))));
}

/** Those that its containers were started with. */
function serviceEnvironment(pod: PodPlan, services: readonly ServicePlan[]): Environment {
  const now = environmentNow(pod, services);
  if (pod.startedWith === undefined) return now;
  return Object.fromEntries(Object.entries({ ...now, ...pod.startedWith }).filter((entry): entry is [string, string] => entry[1] !== null));
}

/** In what the variables of a running pod differ from those of one that is started now, since Services have come, gone or changed; null: it lacks that one. */
function differenceOf(pod: PodPlan, before: readonly ServicePlan[], now: readonly ServicePlan[]): Readonly<Record<string, string | null>> {
  const has = serviceEnvironment(pod, before);
  const would = environmentNow(pod, now);
  const names = [...new Set([...Object.keys(has), ...Object.keys(would)])];
  return Object.fromEntries(names.filter((name) => has[name] !== would[name]).map((name) => [name, has[name] ?? null]));
}

/**
 * The pods of a cluster that changes, each with the variables that it was started with.
 *
 * @param runs the pod as it runs and goes on running; undefined: it is started now
 */
export function keepEnvironments(
  pods: readonly PodPlan[],
  runs: (pod: PodPlan) => PodPlan | undefined,
  before: readonly ServicePlan[],
  now: readonly ServicePlan[],
): readonly PodPlan[] {
  // The same for all pods of a namespace that were started at one time: Services may be many.
  const known = new Map<string, ReturnType<typeof differenceOf>>();
  return pods.map((pod) => {
    const running = runs(pod);
    if (running === undefined) return pod;
    const key = JSON.stringify([running.namespace, running.serviceLinks, running.startedWith]);
    const startedWith = known.get(key) ?? differenceOf(running, before, now);
    known.set(key, startedWith);
    return Object.keys(startedWith).length === 0 ? pod : { ...pod, startedWith };
  });
}

/**
 * The variables by which the containers of a pod learn of Services, as kubelet sets them (pkg/kubelet/envvars, and getServiceEnvVarMap of pkg/kubelet; "Environment
 * variables" in https://kubernetes.io/docs/concepts/services-networking/service/): of the API server, and of the Services of its namespace that were there when it was
 * started, but for `enableServiceLinks: false`.
 *
 * @param id identity of the pod; of whatever else that is, none
 */
export function environmentOf(plan: Pick<LabPlan, 'clusters'>, id: string | undefined): Environment {
  for (const { pods, services } of id === undefined ? [] : plan.clusters) {
    const pod = pods.find((one) => one.id === id);
    if (pod !== undefined) return serviceEnvironment(pod, services);
  }
  return {};
}
