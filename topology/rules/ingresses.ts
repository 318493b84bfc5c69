import type { Diagnostic } from '../diagnostic.ts';
import { labelsOf, recordOf, recordsOf, textOf, type Json } from '../json.ts';
import { isPort, labelProblem, nearest, portNameProblem, subdomainProblem } from '../names.ts';
import { CLASS_ANNOTATION, INGRESS_API_VERSION, isIngress, PATH_TYPES, readIngress, servedClasses } from '../ingress/read-ingress.ts';
import type { KubernetesObject, LabSpec } from '../spec.ts';
import { caution, note, problem, type Path } from './findings.ts';
import { clustersOf } from './lab-view.ts';
import { fieldProblems, type Shape } from './object-fields.ts';
import { objectVersions } from './object-versions.ts';
import { servicesOf, type ServiceView } from './services-view.ts';

const BACKEND: Shape = { service: { name: 'text', port: { name: 'text', number: 'whole' } }, resource: { apiGroup: 'text', kind: 'text', name: 'text' } };

/** https://kubernetes.io/docs/reference/kubernetes-api/service-resources/ingress-v1/ */
const INGRESS: Shape = {
  apiVersion: 'any',
  kind: 'any',
  metadata: 'any',
  status: 'any',
  spec: {
    ingressClassName: 'text',
    defaultBackend: BACKEND,
    tls: [{ hosts: ['text'], secretName: 'text' }],
    rules: [{ host: 'text', http: { paths: [{ path: 'text', pathType: 'any', backend: BACKEND }] } }],
  },
};

/** Begins the annotations by which ingress-nginx is told more. */
const NGINX_ANNOTATIONS = 'nginx.ingress.kubernetes.io/';
const WITHIN: readonly string[] = ['//', '/./', '/../', '%2f', '%2F'];
const AT_END: readonly string[] = ['/..', '/.'];

interface IngressView {
  readonly object: KubernetesObject;
  readonly spec: Json;
  /** `Ingress shop/web`. */
  readonly what: string;
  /** Place of the object. */
  readonly path: Path;
  readonly namespace: string;
}

/** `Ingress shop/web: Invalid value: "x": must be …`. */
function invalid(view: IngressView, code: string, at: Path, value: unknown, reason: string | null, hint: string): readonly Diagnostic[] {
  return reason === null ? [] : [problem(code, [...view.path, ...at], `${view.what}: Invalid value: ${JSON.stringify(value)}: ${reason}`, hint)];
}

function hostProblem(host: string): string | null {
  if (/^\d+\.\d+\.\d+\.\d+$/.test(host) || host.includes(':')) return 'must be a DNS name, not an IP address';
  if (!host.includes('*')) return subdomainProblem(host);
  return host.startsWith('*.') && !host.slice(2).includes('*')
    ? subdomainProblem(host.slice(2))
    : 'a wildcard must be the whole first label, like *.example.com';
}

function pathProblem(path: string, isFree: boolean): string | null {
  if (!path.startsWith('/')) return isFree && path === '' ? null : 'must be an absolute path';
  if (isFree) return null;
  const within = WITHIN.find((part) => path.includes(part));
  if (within !== undefined) return `must not contain '${within}'`;
  const end = AT_END.find((part) => path.endsWith(part));
  return end === undefined ? null : `cannot end with '${end}'`;
}

const BACKEND_HINT = 'write service: { name: web, port: { number: 80 } }';

function backend(view: IngressView, value: unknown, at: Path, services: readonly ServiceView[]): readonly Diagnostic[] {
  const { service: written, resource } = recordOf(value);
  const bad = (reason: string, where: Path = at): readonly Diagnostic[] => [
    problem('INGRESS_BACKEND_INVALID', [...view.path, ...where], `${view.what}: Invalid value: ${JSON.stringify(value ?? '')}: ${reason}`, BACKEND_HINT),
  ];
  if (written !== undefined && resource !== undefined) return bad('cannot set both resource and service backends');
  if (resource !== undefined)
    return [
      note(
        'OBJECT_NOT_ACTED_ON',
        [...view.path, ...at, 'resource'],
        `nothing in the lab acts on the resource backend of ${view.what}: ingress-nginx sends to Services alone`,
        BACKEND_HINT,
      ),
    ];
  if (written === undefined) return bad('resource or service backend is required');
  const service = recordOf(written);
  const name = textOf(service['name'], '');
  const port = recordOf(service['port']);
  const portName = textOf(port['name'], '');
  const number = port['number'];
  const numbered = number !== undefined && number !== 0;
  const inPort = [...at, 'service', 'port'];
  if (name === '') return bad('service.name: Required value', [...at, 'service', 'name']);
  const nameReason = labelProblem(name);
  if (nameReason !== null) return bad(`service.name: ${nameReason}`, [...at, 'service', 'name']);
  if (portName !== '' && numbered) return bad('cannot set both port name & port number', inPort);
  if (portName === '' && !numbered) return bad('port name or number is required', inPort);
  const portReason = numbered ? (isPort(number) ? null : 'must be between 1 and 65535, inclusive') : portNameProblem(portName);
  if (portReason !== null) return bad(`service.port: ${portReason}`, inPort);
  return unknownBackend(view, at, name, typeof number === 'number' && numbered ? number : portName, services);
}

/** What the API server takes, and leads nowhere. */
function unknownBackend(view: IngressView, at: Path, name: string, port: number | string, services: readonly ServiceView[]): readonly Diagnostic[] {
  const warn = (reason: string, hint: string): readonly Diagnostic[] => [
    caution('INGRESS_BACKEND_UNKNOWN', [...view.path, ...at, 'service'], `${view.what}: ${reason}: requests to it are answered with 503`, hint),
  ];
  const own = services.filter(({ source }) => source.namespace === view.namespace);
  const found = own.find(({ source }) => source.name === name);
  if (found === undefined) {
    const elsewhere = services.find(({ source }) => source.name === name);
    const near = nearest(
      name,
      own.map(({ source }) => source.name),
    );
    const hint = near === null ? 'write the name of a Service of its namespace' : `did you mean ${near}?`;
    return warn(
      `there is no Service ${view.namespace}/${name}`,
      elsewhere === undefined ? hint : `${elsewhere.what} is in another namespace: an Ingress leads to Services of its own`,
    );
  }
  if (found.source.type === 'ExternalName')
    return warn(`${found.what} is a name without endpoints (ExternalName), which nothing here looks up`, 'use a Service with pods');
  if (found.source.ports.some((has) => has.protocol === 'TCP' && (has.port === port || has.name === port))) return [];
  const ports = found.source.ports.map((has) => (has.name === '' ? String(has.port) : `${has.port} (${has.name})`)).join(', ');
  return warn(`${found.what} has no TCP port ${port}`, ports === '' ? 'give the Service a port' : `its ports: ${ports}; a target port is not meant`);
}

function rules(view: IngressView, services: readonly ServiceView[]): readonly Diagnostic[] {
  return recordsOf(view.spec['rules']).flatMap((rule, r) => {
    const host = textOf(rule['host'], '');
    const at: Path = ['spec', 'rules', r];
    const written = recordOf(rule['http'])['paths'];
    return [
      ...(host === ''
        ? []
        : invalid(view, 'INGRESS_HOST_INVALID', [...at, 'host'], host, hostProblem(host), 'write a DNS name in lower case, or *.example.com')),
      ...(rule['http'] !== undefined && recordsOf(written).length === 0
        ? invalid(view, 'INGRESS_PATH_INVALID', [...at, 'http', 'paths'], written ?? null, 'Required value', 'add a path with its backend')
        : []),
      ...recordsOf(written).flatMap((path, p) => pathFindings(view, path, [...at, 'http', 'paths', p], services)),
    ];
  });
}

function pathFindings(view: IngressView, path: Json, at: Path, services: readonly ServiceView[]): readonly Diagnostic[] {
  const type = path['pathType'];
  const known = PATH_TYPES.find((word) => word === type);
  const near = typeof type === 'string' ? nearest(type, PATH_TYPES) : null;
  const text = textOf(path['path'], '');
  const typeFinding = problem(
    'INGRESS_PATH_TYPE',
    [...view.path, ...at, 'pathType'],
    `${view.what}: ${type === undefined ? 'pathType must be specified' : `Unsupported value: ${JSON.stringify(type)}: supported values: ${PATH_TYPES.join(', ')}`}`,
    near === null ? 'write Prefix or Exact' : `did you mean ${near}?`,
  );
  return [
    ...(known === undefined
      ? [typeFinding]
      : invalid(
          view,
          'INGRESS_PATH_INVALID',
          [...at, 'path'],
          text,
          pathProblem(text, known === 'ImplementationSpecific'),
          'write a path that begins with "/", without "." or ".." in it',
        )),
    ...backend(view, path['backend'], [...at, 'backend'], services),
  ];
}

/** What the spec as a whole lacks, or says in vain. */
function whole(view: IngressView, classes: readonly string[]): readonly Diagnostic[] {
  const { object, spec, what, path } = view;
  const annotations = labelsOf(object.metadata.annotations);
  const { className, rules: read, defaultBackend } = readIngress(object);
  const hasBackend = spec['defaultBackend'] !== undefined;
  const more = Object.keys(annotations).filter((key) => key.startsWith(NGINX_ANNOTATIONS));
  const inVain = (at: Path, field: string, hint: string): Diagnostic =>
    note('OBJECT_NOT_ACTED_ON', [...path, ...at], `nothing in the lab acts on ${field} of ${what}: it is kept in the plan only`, hint);
  return [
    ...(recordsOf(spec['rules']).length === 0 && !hasBackend
      ? [problem('INGRESS_EMPTY', [...path, 'spec'], `${what}: either \`defaultBackend\` or \`rules\` must be specified`, 'add a rule, or a default backend')]
      : []),
    ...(typeof spec['ingressClassName'] === 'string' && annotations[CLASS_ANNOTATION] !== undefined
      ? invalid(
          view,
          'INGRESS_CLASS_INVALID',
          ['metadata', 'annotations', CLASS_ANNOTATION],
          annotations[CLASS_ANNOTATION],
          'can not be set when the class field is also set',
          'remove the annotation',
        )
      : []),
    ...(className === null
      ? []
      : invalid(
          view,
          'INGRESS_CLASS_INVALID',
          ['spec', 'ingressClassName'],
          className,
          subdomainProblem(className),
          'write the name of an IngressClass, like nginx',
        )),
    ...(className === null || classes.includes(className) || subdomainProblem(className) !== null
      ? []
      : [
          caution(
            'INGRESS_CLASS_UNSERVED',
            [...path, 'spec', 'ingressClassName'],
            `${what} is of class ${className}: no controller of the lab answers for it`,
            `classes that are answered for: ${classes.join(', ')}`,
          ),
        ]),
    ...(recordsOf(spec['tls']).length === 0
      ? []
      : [inVain(['spec', 'tls'], 'tls', 'the controller speaks HTTP on port 80; remove tls, or look at it on a real cluster')]),
    ...(more.length === 0 ? [] : [inVain(['metadata', 'annotations'], more.join(', '), 'remove them, or look at it on a real cluster with ingress-nginx')]),
    ...(read.length > 0 &&
    read.every((rule) => rule.paths.length === 0) &&
    defaultBackend === null &&
    recordsOf(spec['rules']).every((rule) => rule['http'] === undefined)
      ? [inVain(['spec', 'rules'], 'rules without paths', 'add http.paths, or a default backend')]
      : []),
  ];
}

/** Two rules that say where one host and path goes: the one written first has it. */
function duplicates(views: readonly IngressView[], classes: readonly string[]): readonly Diagnostic[] {
  const seen = new Map<string, string>();
  return views.flatMap(({ object, what, path }) => {
    const { className, rules: read } = readIngress(object);
    if (className !== null && !classes.includes(className)) return [];
    return read.flatMap((rule, r) =>
      rule.paths.flatMap((one, p) => {
        const bare = one.pathType === 'Prefix' ? one.path.replace(/(?<=.)\/+$/, '') : one.path;
        const key = `${rule.host} ${one.pathType} ${bare}`;
        const first = seen.get(key);
        if (first === undefined) seen.set(key, what);
        return first === undefined
          ? []
          : [
              caution(
                'INGRESS_PATH_DUPLICATE',
                [...path, 'spec', 'rules', r, 'http', 'paths', p],
                `${what}: host ${JSON.stringify(rule.host || '*')} and path ${JSON.stringify(one.path)} is already defined in ${first}, which keeps it`,
                'remove one of them',
              ),
            ];
      }),
    );
  });
}

/** Ingresses are what the API server takes, field by field, and lead to Services that are there. */
export function ingresses(spec: LabSpec): readonly Diagnostic[] {
  return clustersOf(spec).flatMap((cluster) => {
    const objects = cluster.spec.objects ?? [];
    const services = servicesOf(cluster);
    const classes = servedClasses(objects);
    const views = objects.flatMap((object, i): readonly IngressView[] => {
      if (!isIngress(object)) return [];
      const namespace = object.metadata.namespace ?? 'default';
      return [
        { object, namespace, spec: recordOf(object['spec']), what: `Ingress ${namespace}/${object.metadata.name}`, path: [...cluster.path, 'objects', i] },
      ];
    });
    return [
      ...objectVersions(cluster, { kind: 'Ingress', apiVersion: INGRESS_API_VERSION, code: 'INGRESS_VERSION', plural: 'Ingresses' }),
      ...views.flatMap((view) => {
        const shape = fieldProblems('INGRESS_FIELD_INVALID', view.what, view.object, INGRESS, view.path);
        if (shape.length > 0) return shape;
        const otherwise = view.spec['defaultBackend'];
        return [
          ...whole(view, classes),
          ...(otherwise === undefined ? [] : backend(view, otherwise, ['spec', 'defaultBackend'], services)),
          ...rules(view, services),
        ];
      }),
      ...duplicates(views, classes),
    ];
  });
}
