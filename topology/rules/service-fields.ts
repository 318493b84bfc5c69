/** The fields of Services, EndpointSlices and Endpoints: https://kubernetes.io/docs/reference/kubernetes-api/service-resources/ */
import type { Shape } from './object-fields.ts';

const OBJECT = { apiVersion: 'any', kind: 'any', metadata: 'any' } as const satisfies Shape;

/** Where a value is anything here, the rule of Services says itself what it must be. */
export const SERVICE: Shape = {
  ...OBJECT,
  status: 'any',
  spec: {
    type: 'any',
    selector: 'labels',
    ports: [{ name: 'text', protocol: 'any', appProtocol: 'text', port: 'any', targetPort: 'any', nodePort: 'whole' }],
    clusterIP: 'text',
    clusterIPs: ['text'],
    ipFamilies: ['any'],
    ipFamilyPolicy: 'any',
    externalIPs: ['text'],
    externalName: 'text',
    loadBalancerIP: 'text',
    loadBalancerSourceRanges: ['text'],
    loadBalancerClass: 'text',
    allocateLoadBalancerNodePorts: 'flag',
    healthCheckNodePort: 'whole',
    sessionAffinity: 'any',
    sessionAffinityConfig: { clientIP: { timeoutSeconds: 'any' } },
    internalTrafficPolicy: 'any',
    externalTrafficPolicy: 'any',
    publishNotReadyAddresses: 'flag',
    trafficDistribution: 'any',
  },
};

const REFERENCE: Shape = { apiVersion: 'text', kind: 'text', namespace: 'text', name: 'text', uid: 'text', resourceVersion: 'text', fieldPath: 'text' };
const PORTS: Shape = [{ name: 'text', protocol: 'any', appProtocol: 'text', port: 'any' }];

export const ENDPOINT_SLICE: Shape = {
  ...OBJECT,
  addressType: 'any',
  ports: PORTS,
  endpoints: [
    {
      addresses: ['text'],
      conditions: { ready: 'flag', serving: 'flag', terminating: 'flag' },
      hostname: 'text',
      nodeName: 'text',
      zone: 'text',
      hints: { forZones: [{ name: 'text' }], forNodes: [{ name: 'text' }] },
      deprecatedTopology: 'any',
      targetRef: REFERENCE,
    },
  ],
};

const ADDRESSES: Shape = [{ ip: 'text', hostname: 'text', nodeName: 'text', targetRef: REFERENCE }];

export const ENDPOINTS: Shape = { ...OBJECT, subsets: [{ addresses: ADDRESSES, notReadyAddresses: ADDRESSES, ports: PORTS }] };
