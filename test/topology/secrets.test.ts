import { describe, expect, it } from 'vitest';
import { isAddressText, textWithoutSecrets } from '../../topology/secrets.ts';

const KEY = 'cGVyaGFwcyB0aGlzIGlzIDMyIGJ5dGVzIGxvbmcgISE=';
const TOKEN = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJub2RlIn0.c2lnbmF0dXJl';

describe('a text', () => {
  // S and a digit stands for the secret.
  it.each([
    ['"k8s_auth_token": "S1"', '"k8s_auth_token": (removed)'],
    ['{"password": "S1 \\" S2", "host": "10.0.0.1"}', '{"password": (removed), "host": "10.0.0.1"}'],
    ['WEAVE_PASSWORD=S1 next', 'WEAVE_PASSWORD=(removed) next'],
    ['AWS_SECRET_ACCESS_KEY=S1', 'AWS_SECRET_ACCESS_KEY=(removed)'],
    ['--token-file: S1', '--token-file: (removed)'],
    ['passphrase: S1', 'passphrase: (removed)'],
    ['    client-key-data: S1==', '    client-key-data: (removed)'],
    ['password: |\n  S1\n  S2\nhost: 10.0.0.1', 'password: (removed)\nhost: 10.0.0.1'],
    ['  token: >-\n    S1\n  server: https://10.0.0.1:6443', '  token: (removed)\n  server: https://10.0.0.1:6443'],
    ['kubeadm join 172.30.0.2:6443 --token S1 --v=5', 'kubeadm join 172.30.0.2:6443 --token (removed) --v=5'],
    ['--certificate-key S1', '--certificate-key (removed)'],
    ['Using certificate key:\n' + 'a1'.repeat(32), 'Using certificate key:\n(removed)'],
    ['token abcdef.0123456789abcdef was made', 'token (removed) was made'],
    ['Authorization: Bearer S1abcdefgh', 'Authorization: Bearer (removed)'],
    ['curl -H "Authorization: Basic S1" http://10.0.0.1/', 'curl -H "Authorization: Basic (removed)" http://10.0.0.1/'],
    ['proxy-authorization: Digest username="me", response="S1"', 'proxy-authorization: Digest (removed)'],
    [`-H 'Authorization: Digest username="me", response="S1"' 10.0.0.1`, "-H 'Authorization: Digest (removed)' 10.0.0.1"],
    ['{"Authorization": "Basic S1", "host": "10.0.0.1"}', '{"Authorization": "Basic (removed)", "host": "10.0.0.1"}'],
    ['Set-Cookie: session=S1; Path=/', 'Set-Cookie: (removed)'],
    ['curl -sk -u me:S1 https://10.0.0.1', 'curl -sk -u me:(removed) https://10.0.0.1'],
    ['db=postgres://me:S1@db/x', 'db=postgres://me:(removed)@db/x'],
    ['"auths":{"r.example":{"auth":"S1="}}', '"auths":{"r.example":{"auth":(removed)}}'],
    [`sent ${TOKEN} to 10.0.0.1`, 'sent (removed) to 10.0.0.1'],
    ['-----BEGIN EC PRIVATE KEY-----\nS1\n-----END EC PRIVATE KEY-----\nport: 80', '(removed)\nport: 80'],
    ['-----BEGIN OPENSSH PRIVATE KEY-----\nS1 and no end', '(removed)'],
    ['PrivateKey = S1=', 'PrivateKey = (removed)'],
    ['  preshared key: S1=', '  preshared key: (removed)'],
    [`wg0\t${KEY}\t51820`, 'wg0\t(removed)\t51820'],
    ['\tenc cbc(aes) 0xaabbccddeeff00112233', '\tenc cbc(aes) (removed)'],
    ['\tauth-trunc hmac(sha1) 0xaabbccddeeff00112233 96', '\tauth-trunc hmac(sha1) (removed) 96'],
    ['\taead rfc4106(gcm(aes)) 0xAABBCCDDEEFF0011 128', '\taead rfc4106(gcm(aes)) (removed) 128'],
    ['10.0.0.1 10.0.0.2 : PSK "S1"', '10.0.0.1 10.0.0.2 : PSK (removed)'],
    ['neighbor 10.0.0.1 password S1', 'neighbor 10.0.0.1 password (removed)'],
    ['  password "S1";', '  password (removed);'],
    ['net.ipv4.tcp_fastopen_key = S1', 'net.ipv4.tcp_fastopen_key = (removed)'],
  ])('loses the secret: %s', (text, expected) => {
    expect(textWithoutSecrets(text)).toBe(expected);
  });

  it.each([
    ['tokens are fine'],
    ['secret-server: 10.96.0.10'],
    ['token_endpoint=[fd00::1]:443'],
    ['http://[fd00::1]:80/a:b@c'],
    ['Secrets:\n  10.244.1.2 web'],
    ['mac 02:00:00:00:00:01 dev eth0 lladdr 02:42:ac:11:00:02'],
    ['2: eth0 inet6 fd00:30::3/64 scope global'],
    ['-A KUBE-SVC-TCOU7JCQXEZGVUNU -d 10.96.0.10/32 -p udp -m udp --dport 53 -j KUBE-MARK-MASQ'],
    ['-A FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT'],
    ['--discovery-token-ca-cert-hash sha256:0123456789abcdef0123456789abcdef'],
    ['kube-apiserver --authorization-mode=Node,RBAC --advertise-address=172.30.0.2'],
    [`  public key: ${KEY}`],
    [`peer: ${KEY}`],
    ['net.ipv4.tcp_syncookies = 1'],
    ['image registry.k8s.io/pause@sha256:278fb9dbcca9518083ad1e11276933a2e96f23de604a3a08cc3c80002767d24c'],
    ['default/web-7d4b9c8f5-x7k2p 1/1 Running 10.244.1.2 worker1'],
  ])('stays as it is: %s', (text) => {
    expect(textWithoutSecrets(text)).toBe(text);
  });
});

describe('an address', () => {
  it.each([
    ['10.0.0.1', true],
    ['"fd00::1"', true],
    ['10.244.0.0/16', true],
    ['[fd00::1]:443', true],
    ['10.0.0.1:80', true],
    ['hunter2', false],
    ['10.0.0', false],
  ])('%s: %s', (text, is) => {
    expect(isAddressText(text)).toBe(is);
  });
});
