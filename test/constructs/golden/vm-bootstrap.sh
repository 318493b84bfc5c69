#!/bin/sh
# Makes this machine a node of its cluster. Run once, as root; the console shows how far it is.
set -u
seed=$(cd "$(dirname "$0")" && pwd)
. "$seed/settings"
config=/etc/kubernetes/cnilab.yaml
log=/var/log/cnilab.log
tell() { printf '\r\ncnilab: %s\r\n' "$*" >/dev/console; }
fail() { tell "failed $step: $*"; exit 1; }
# Runs a program with what it says on the console, too; its exit code is in the file.
shown() { { "$@" 2>&1; echo $? >/run/cnilab.exit; } | tee -a $log | sed -u 's/^/| /; s/$/\r/' >/dev/console; }

if [ -f "$seed/packages.sh" ]; then
  step='packages'
  tell "begin $step"
  shown sh "$seed/packages.sh"
  code=$(cat /run/cnilab.exit)
  [ "$code" = 0 ] || fail "exit code $code"
  tell "done $step"
fi

step=prepare
tell "begin $step"
cat "$seed/hosts" >>/etc/hosts
mkdir -p /etc/kubernetes /etc/modules-load.d /etc/sysctl.d /opt/cni/bin
# The first lets bridged packets pass the rules of kube-proxy; those of ipvs are only asked for, kube-proxy says what it lacks.
printf '%s\n' overlay br_netfilter ip_vs ip_vs_rr ip_vs_wrr ip_vs_lc ip_vs_wlc ip_vs_dh ip_vs_sh ip_vs_sed ip_vs_nq nf_conntrack >/etc/modules-load.d/cnilab.conf
while read -r module; do modprobe "$module" 2>/dev/null || echo "no module $module"; done </etc/modules-load.d/cnilab.conf
printf '%s\n' net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1 >/etc/sysctl.d/90-cnilab.conf
sysctl -q -p /etc/sysctl.d/90-cnilab.conf
swapoff -a
# kubelet does not start with swap, after a reboot neither.
[ ! -f /etc/fstab ] || sed -i 's/^[^#].*[[:space:]]swap[[:space:]]/#&/' /etc/fstab
for plugin in "$seed"/bin/*; do
  [ -f "$plugin" ] && install -m 0755 "$plugin" /opt/cni/bin/
done
for program in kubeadm kubelet containerd; do
  command -v "$program" >/dev/null || fail "the image has no $program"
done
version=$(kubeadm version -o short) || fail 'kubeadm does not run'
case $version in
  v"$KUBERNETES" | v"$KUBERNETES".*) ;;
  *) fail "the image has Kubernetes $version, the lab asks for $KUBERNETES" ;;
esac
# An emulated processor is called "qemu" ("kvm" is one of KVM). A kubelet that is alive may be silent there for a minute, and kube-proxy takes two to program everything.
slow=
[ "$(systemd-detect-virt --vm 2>/dev/null)" != qemu ] || slow='/node-monitor-grace-period/,+1s/: [45]0s$/: 180s/; s/syncPeriod: 30s$/syncPeriod: 15m0s/'
(umask 077; sed "s/^kubernetesVersion: stable-.*/kubernetesVersion: $version/; $slow" "$seed/kubeadm.yaml" >$config)
# Without KVM an API server may not answer for minutes, and would be restarted for it; a handshake of TLS for each probe, every second, takes a processor from it.
mkdir -p /etc/kubernetes/cnilab-patches
minor=${version#v*.} minor=${minor%%.*}
for component in kube-apiserver kube-controller-manager kube-scheduler etcd; do
  # Patched where there is such a probe: half of one is refused.
  ready=
  if [ $component = kube-apiserver ] || { [ $component != kube-controller-manager ] && [ "$minor" -ge 34 ]; }; then
    ready=',"readinessProbe":{"timeoutSeconds":60,"periodSeconds":20}'
  fi
  printf '{"spec":{"containers":[{"name":"%s","livenessProbe":{"timeoutSeconds":60,"failureThreshold":60,"periodSeconds":60}%s}]}}\n' $component "$ready" >"/etc/kubernetes/cnilab-patches/$component+strategic.json"
done
systemctl start containerd || fail 'containerd does not start'
tell "done $step"

if [ -n "$WAIT_FOR" ]; then
  step='wait for the control plane before'
  tell "begin $step"
  until curl --silent --insecure --max-time 5 --output /dev/null --fail "https://$WAIT_FOR/readyz"; do sleep 5; done
  tell "done $step"
fi

step="kubeadm $ACTION"
tell "begin $step"
set -- --config $config
[ "$ACTION" = init ] && set -- "$@" --skip-token-print --skip-certificate-key-print ${UPLOAD_CERTS:+--upload-certs}
shown kubeadm "$ACTION" "$@"
code=$(cat /run/cnilab.exit)
[ "$code" = 0 ] || fail "exit code $code"
systemctl enable --quiet kubelet containerd
tell "done $step"
