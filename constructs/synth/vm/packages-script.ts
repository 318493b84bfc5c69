import type { ClusterPlan, LabPlan } from '../../../topology/plan.ts';
import type { UserNetwork } from '../../../topology/vm-machines.ts';

/** Of the routing table and the rules of the way out. */
const TABLE = 100;

/** Programs that kubeadm asks for or that show what ipvs does; containerd as the distribution has it. */
const DISTRIBUTION = ['ca-certificates', 'conntrack', 'containerd', 'curl', 'ethtool', 'ipset', 'iptables', 'ipvsadm', 'socat'];
const KUBERNETES = ['kubeadm', 'kubectl', 'kubelet'];

/** The IPv4 ranges that belong to the lab, or to the way into its nodes. */
function inside(plan: LabPlan, user: UserNetwork): readonly string[] {
  const ranges = [...plan.segments.flatMap(({ cidrs }) => cidrs), ...plan.clusters.flatMap(({ podCIDRs, serviceCIDRs }) => [...podCIDRs, ...serviceCIDRs])];
  return [...ranges.filter((cidr) => !cidr.includes(':')), user.cidr];
}

/**
 * Routes beyond the lab. The main table, where CNIs look for the interface between nodes, stays as it is on a prepared disk; so does the way of what is sent to an address
 * of the lab that nobody has.
 */
function wayOutScript(plan: LabPlan, user: UserNetwork): string {
  return `#!/bin/sh
# Beyond the ranges of the lab everything goes to the machine that runs this one.
set -e
ip -4 route replace default via ${user.host} table ${TABLE}
for range in ${inside(plan, user).join(' ')}; do ip -4 rule add to "$range" lookup main pref ${TABLE}; done
ip -4 rule add lookup ${TABLE} pref ${TABLE + 1}
`;
}

/**
 * Prepares a machine that runs on a cloud image, before the bootstrap script: a way out, and where kubeadm is absent containerd of the distribution and Kubernetes from the
 * package repository of its minor version, signed by the key that lies there (https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/install-kubeadm/).
 */
export function packagesScript(plan: LabPlan, cluster: ClusterPlan, user: UserNetwork): string {
  const [major = '', minor = '', patch] = cluster.kubernetesVersion.split('.');
  const repository = `https://pkgs.k8s.io/core:/stable:/v${major}.${minor}/deb/`;
  // A patch has several builds: 1.34.4-1.1.
  const versions = patch === undefined ? `${major}.${minor}.*` : `${cluster.kubernetesVersion}-*`;
  return `#!/bin/sh
# Gives this machine a way out of the lab, and Kubernetes where the image has none. Run once, as root.
set -eu
cat >/usr/local/sbin/cnilab-way-out <<'END'
${wayOutScript(plan, user)}END
chmod 0755 /usr/local/sbin/cnilab-way-out
cat >/etc/systemd/system/cnilab-way-out.service <<'END'
[Unit]
Description=Way out of the lab
Wants=network-online.target
After=network-online.target
Before=containerd.service kubelet.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/cnilab-way-out
[Install]
WantedBy=multi-user.target
END
# Else networkd removes rules and routes that it did not make, those of CNIs too.
mkdir -p /etc/systemd/networkd.conf.d
printf '[Network]\\nManageForeignRoutes=no\\nManageForeignRoutingPolicyRules=no\\n' >/etc/systemd/networkd.conf.d/cnilab.conf
systemctl daemon-reload
systemctl enable --now cnilab-way-out
grep -q '^nameserver' /etc/resolv.conf || echo 'nameserver ${user.dns}' >>/etc/resolv.conf

if command -v kubeadm >/dev/null; then exit 0; fi
command -v apt-get >/dev/null || { echo 'packages are installed on Debian and Ubuntu alone'; exit 1; }
# Nothing is upgraded while the lab lives, nor holds the lock of packages now.
systemctl mask --now apt-daily.timer apt-daily-upgrade.timer apt-daily.service apt-daily-upgrade.service || :
export DEBIAN_FRONTEND=noninteractive
get() { apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -o Acquire::ForceIPv4=true "$@"; }
get update
get install --no-install-recommends ${DISTRIBUTION.join(' ')}
mkdir -p /etc/apt/keyrings /etc/containerd
curl --ipv4 --fail --silent --show-error --location --retry 3 --output /etc/apt/keyrings/kubernetes.asc ${repository}Release.key
echo 'deb [signed-by=/etc/apt/keyrings/kubernetes.asc] ${repository} /' >/etc/apt/sources.list.d/kubernetes.list
get update
get install --no-install-recommends ${KUBERNETES.map((name) => `'${name}=${versions}'`).join(' ')}
apt-mark hold containerd ${KUBERNETES.join(' ')}
# Debian's own file looks for CNI plugins elsewhere.
containerd config default | sed 's/SystemdCgroup = false/SystemdCgroup = true/' >/etc/containerd/config.toml
grep -q 'SystemdCgroup = true' /etc/containerd/config.toml || { echo 'containerd has no setting SystemdCgroup'; exit 1; }
systemctl restart containerd
`;
}
