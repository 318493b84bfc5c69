import { describe, expect, it } from 'vitest';
import { chainLinks, type CniOp, loopbackLink, pluginConfig, pluginEnvironment, resultIps } from '../../engines/netns/agent/cni-config.ts';

function op(change: Partial<CniOp> = {}, ipam: Readonly<Record<string, unknown>> = { type: 'host-local' }): CniOp {
  return {
    op: 'cni',
    node: 'c1.w1',
    ns: 'c1.default.web-0',
    containerId: 'ab12',
    ifname: 'eth0',
    configured: false,
    ips: ['10.244.1.5'],
    mac: '02:00:00:00:00:05',
    portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }],
    pod: { namespace: 'default', name: 'web-0' },
    lane: null,
    list: {
      cniVersion: '1.0.0',
      name: 'lab',
      plugins: [
        { type: 'bridge', capabilities: { mac: true, ips: true }, ipam, args: { labels: ['x'], cni: { other: 1 } } },
        { type: 'portmap', capabilities: { portMappings: true } },
        { type: 'tuning' },
      ],
    },
    ...change,
  };
}

describe('what a CNI plugin is handed', () => {
  it('its entry with version and name of the list, the capabilities it declares, and the result before it', () => {
    const [bridge, portmap, tuning] = chainLinks(op());
    expect(pluginConfig(bridge!, op(), null)).toEqual({
      type: 'bridge',
      ipam: { type: 'host-local' },
      args: { labels: ['x'], cni: { other: 1 } },
      cniVersion: '1.0.0',
      name: 'lab',
      runtimeConfig: { mac: '02:00:00:00:00:05', ips: ['10.244.1.5'] },
    });
    expect(pluginConfig(portmap!, op(), { ips: [] })).toEqual({
      type: 'portmap',
      cniVersion: '1.0.0',
      name: 'lab',
      runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }] },
      prevResult: { ips: [] },
    });
    expect(pluginConfig(tuning!, op(), {})).toEqual({ type: 'tuning', cniVersion: '1.0.0', name: 'lab', prevResult: {} });
    expect(pluginConfig(loopbackLink(op()), op(), null)).toEqual({ type: 'loopback', cniVersion: '1.0.0', name: 'cni-loopback' });
    expect(pluginConfig(portmap!, op({ portMappings: [] }), null)).not.toHaveProperty('runtimeConfig');
  });

  it('one address goes in CNI_ARGS, two in args.cni.ips', () => {
    const [bridge] = chainLinks(op());
    expect(pluginEnvironment('ADD', bridge!, op(), '/opt/cni/bin')).toEqual({
      CNI_COMMAND: 'ADD',
      CNI_CONTAINERID: 'ab12',
      CNI_NETNS: '/run/netns/c1.default.web-0',
      CNI_IFNAME: 'eth0',
      CNI_PATH: '/opt/cni/bin',
      CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0;K8S_POD_INFRA_CONTAINER_ID=ab12;IP=10.244.1.5;MAC=02:00:00:00:00:05',
    });
    const dual = op({ ips: ['10.244.1.5', 'fd00::5'] });
    expect(pluginEnvironment('ADD', bridge!, dual, '')['CNI_ARGS']).not.toContain('IP=');
    expect(pluginConfig(bridge!, dual, null)['args']).toEqual({ labels: ['x'], cni: { other: 1, ips: ['10.244.1.5', 'fd00::5'] } });
    expect(pluginEnvironment('DEL', loopbackLink(op()), op(), '')).toMatchObject({ CNI_IFNAME: 'lo', CNI_ARGS: expect.not.stringContaining('IP=') as string });
  });

  it('IPAM plugins with addresses of their own are not asked for others', () => {
    const fixed = op({}, { type: 'static', addresses: [{ address: '10.1.1.1/24' }] });
    const [bridge] = chainLinks(fixed);
    expect(pluginEnvironment('ADD', bridge!, fixed, '')['CNI_ARGS']).not.toContain('IP=');
    expect(pluginConfig(bridge!, fixed, null)['runtimeConfig']).toEqual({ mac: '02:00:00:00:00:05' });
  });

  it('addresses of a result', () => {
    expect(resultIps({ ips: [{ address: '10.1.1.1/24' }, { address: 'fd00::1/64' }, 'odd'] })).toEqual(['10.1.1.1', 'fd00::1']);
    expect(resultIps({})).toEqual([]);
  });
});
