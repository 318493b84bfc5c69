// The plugin calls of a lab and nothing else: loopback, then each list's chain, entered by nsenter, N at a time. Arguments: FILE (the cni ops), N.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

const [file, width] = process.argv.slice(2);
const queue = JSON.parse(readFileSync(file, 'utf8'));
const folders = [...(process.env.CNI_PATH ?? '').split(':').filter(Boolean), '/opt/cni/bin', '/usr/lib/cni'];
const fs = await import('node:fs');
const binary = (type) => folders.map((f) => `${f}/${type}`).find((f) => fs.existsSync(f));

const call = (op, ifname, config) =>
  new Promise((resolve, reject) => {
    const child = spawn('nsenter', [`--net=/run/netns/${op.node}`, binary(config.type)], {
      env: {
        PATH: process.env.PATH,
        CNI_COMMAND: 'ADD',
        CNI_CONTAINERID: op.containerId,
        CNI_NETNS: `/run/netns/${op.ns}`,
        CNI_IFNAME: ifname,
        CNI_PATH: folders.join(':'),
        CNI_ARGS: `IgnoreUnknown=1;IP=${op.ips[0]}`,
      },
    });
    let out = '';
    child.stdout.on('data', (d) => {
      out += d;
    });
    child.on('close', (code) => (code === 0 ? resolve(JSON.parse(out || '{}')) : reject(new Error(`${config.type}: ${out}`))));
    child.stdin.end(JSON.stringify(config));
  });

await Promise.all(
  Array.from({ length: Number(width) }, async () => {
    for (let op = queue.shift(); op !== undefined; op = queue.shift()) {
      const { cniVersion, name, plugins } = op.list;
      await call(op, 'lo', { cniVersion, name: 'cni-loopback', type: 'loopback' });
      let prevResult;
      for (const plugin of plugins) {
        const { capabilities, ...rest } = plugin;
        prevResult = await call(op, op.ifname, {
          ...rest,
          cniVersion,
          name,
          ...(prevResult === undefined ? {} : { prevResult }),
          ...(capabilities?.mac ? { runtimeConfig: { mac: op.mac } } : {}),
        });
      }
    }
  }),
);
