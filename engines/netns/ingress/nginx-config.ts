/** The configuration of the nginx that plays ingress-nginx: what its template makes of Ingresses, without Lua. Pure. */
import { HTTP_PORT } from '../../../topology/ingress/controller.ts';
import type { IngressBackend } from '../../../topology/ingress/read-ingress.ts';
import { endpointsBehind, ingressServers, type IngressLocation, type IngressServer } from '../../../topology/ingress/routing.ts';
import type { ClusterPlan } from '../../../topology/plan.ts';

/** Folders that nginx makes for what does not fit into memory; by default they lie outside of the lab. */
const TEMPORARY = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'] as const;

/** Headers by which ingress-nginx tells a server about the client. */
const HEADERS: readonly (readonly [name: string, value: string])[] = [
  ['Host', '$http_host'],
  ['X-Request-ID', '$request_id'],
  ['X-Real-IP', '$remote_addr'],
  ['X-Forwarded-For', '$remote_addr'],
  ['X-Forwarded-Host', '$http_host'],
  ['X-Forwarded-Port', '$server_port'],
  ['X-Forwarded-Proto', '$scheme'],
  ['X-Forwarded-Scheme', '$scheme'],
  ['X-Scheme', '$scheme'],
];

/**
 * One server per host that the rules name, one upstream per backend with the addresses of the ready endpoints: connections go to pods, past kube-proxy.
 *
 * @param folder where nginx may write
 */
export function nginxConfig(cluster: ClusterPlan, folder: string): string {
  const servers = ingressServers(cluster);
  const backends = new Map(
    servers
      .flatMap((server) => [...server.locations.map(({ backend }) => backend), ...(server.otherwise === null ? [] : [server.otherwise])])
      .map((one) => [upstreamName(one), one]),
  );
  const listens = [`${HTTP_PORT}`, ...(cluster.families.includes('ipv6') ? [`[::]:${HTTP_PORT}`] : [])];
  return [
    'daemon off;',
    // The lab's root, who may be nobody outside of it: there is no other user in a user namespace with one id.
    'user root root;',
    'worker_processes 1;',
    `pid ${folder}/nginx.pid;`,
    'error_log stderr notice;',
    'events {',
    '    worker_connections 1024;',
    '}',
    'http {',
    '    access_log off;',
    '    server_tokens off;',
    '    server_names_hash_bucket_size 512;',
    ...TEMPORARY.map((name) => `    ${name}_temp_path ${folder}/${name};`),
    '    proxy_http_version 1.1;',
    '    proxy_connect_timeout 5s;',
    '    proxy_next_upstream_tries 3;',
    ...HEADERS.map(([name, value]) => `    proxy_set_header ${name} ${value};`),
    ...[...backends].flatMap(([name, backend]) => upstream(cluster, name, backend)),
    ...servers.flatMap((server) => serverBlock(cluster, server, listens)),
    '}',
    '',
  ].join('\n');
}

/** No part of it has a dot of its own. */
const upstreamName = ({ namespace, service, port }: IngressBackend): string => `${namespace}.${service}.${port}`;

/** Nobody is left out after a failure: ingress-nginx keeps no such record either. */
function upstream(cluster: ClusterPlan, name: string, backend: IngressBackend): readonly string[] {
  const servers = endpointsBehind(cluster, backend).endpoints.map(
    ({ endpoint, port }) => `        server ${endpoint.family === 'ipv6' ? `[${endpoint.address}]` : endpoint.address}:${port} max_fails=0;`,
  );
  return servers.length === 0 ? [] : [`    upstream ${name} {`, ...servers, '    }'];
}

function serverBlock(cluster: ClusterPlan, { host, locations, otherwise }: IngressServer, listens: readonly string[]): readonly string[] {
  const answer = (backend: IngressBackend | null): string => {
    if (backend === null) return 'return 404;';
    return endpointsBehind(cluster, backend).endpoints.length === 0 ? 'return 503;' : `proxy_pass http://${upstreamName(backend)};`;
  };
  const location = ({ match, path, backend }: IngressLocation): readonly string[] => [
    `        location ${match === 'exact' ? '= ' : ''}${quoted(path)} {`,
    `            ${answer(backend)}`,
    '        }',
  ];
  const root = locations.some(({ match, path }) => match === 'prefix' && path === '/');
  return [
    '    server {',
    ...listens.map((listen) => `        listen ${listen}${host === '' ? ' default_server' : ''};`),
    `        server_name ${host === '' ? '_' : serverName(host)};`,
    ...locations.flatMap(location),
    ...(root ? [] : ['        location / {', `            ${answer(otherwise)}`, '        }']),
    '    }',
  ];
}

/** A wildcard stands for one label; nginx's own `*.` for any number of them. */
function serverName(host: string): string {
  return host.startsWith('*.') ? `"~^[^.]+\\.${host.slice(2).replaceAll('.', '\\.')}$"` : host;
}

function quoted(path: string): string {
  return /^[\w./~-]+$/.test(path) ? path : `"${path.replaceAll(/["\\]/g, '\\$&')}"`;
}
