/** The part of the dynamic resources that Pulumi writes into its state: a call into the package that is installed where it runs. */
import type { dynamic } from '@pulumi/pulumi';

type Kind = 'name' | 'lab' | 'verification';
type Method = (...args: readonly unknown[]) => Promise<never>;

/**
 * Pulumi serialises these functions as text and runs them in a process of its own, in the project's folder. The text names the package and a method, nothing
 * else: a lab that was brought up by one version is taken down by whatever version is installed then, and the state holds no code of ours. Nothing outside of
 * the function may be named in it but `kind` and `method`.
 */
const call = (kind: Kind, method: string): Method =>
  async function thin(...args) {
    const { createRequire } = process.getBuiltinModule('node:module');
    const { providers } = createRequire(`${process.cwd()}/program`)('cnilab/pulumi/provider');
    return providers[kind][method](...args) as never;
  };

export const nameProvider: dynamic.ResourceProvider = { diff: call('name', 'diff'), create: call('name', 'create'), delete: call('name', 'delete') };

export const labProvider: dynamic.ResourceProvider = {
  check: call('lab', 'check'),
  diff: call('lab', 'diff'),
  create: call('lab', 'create'),
  read: call('lab', 'read'),
  update: call('lab', 'update'),
  delete: call('lab', 'delete'),
};

export const verificationProvider: dynamic.ResourceProvider = {
  diff: call('verification', 'diff'),
  create: call('verification', 'create'),
  update: call('verification', 'update'),
};
