/** Attachments by hand: the plugins of a list are called as a runtime calls them, and each call is told with all that went in and came out. */
import { existsSync, readdirSync } from 'node:fs';
import { LabError } from '../../../topology/errors.ts';
import type { CniCall, CniRequest, CniRun } from '../../port.ts';
import { readRecord } from './cni.ts';
import { chainLinks, type ChainLink, type CniOp, type Json } from './cni-config.ts';
import { cniFolders } from './cni-folders.ts';
import { invokePlugin, requirePlugin } from './cni-plugin.ts';
import { LAB_FOLDER, readLabFile, removeLabFile, writeLabFile } from './files.ts';
import { createNetns, forgetLinks, hasLink, isNamespace, netns } from './namespaces.ts';
import { netnsPath } from './netns-path.ts';
import { removeNetns } from './remove-netns.ts';

/** Of each attachment that was made by hand: the result of its ADD, which CHECK and DEL are given. */
const FOLDER = `${LAB_FOLDER}/cni-by-hand`;
const recordPath = ({ containerId, ifname }: CniRequest): string => `${FOLDER}/${containerId}.${ifname}.json`;
const isThere = (name: string): boolean => isNamespace(netnsPath(name));

/**
 * Carries out one command for one attachment.
 *
 * @throws EnvironmentError for a plugin that is not there, before any is called; LabError USAGE for ADD of what is attached, and CHECK of what is not
 */
export async function callByHand(request: CniRequest): Promise<CniRun> {
  const op = opOf(request);
  const links = chainLinks(op);
  try {
    // With its node the plugins are gone, and what they made there.
    if (isThere(request.node)) for (const { type } of links) requirePlugin(type, op);
    switch (request.command) {
      case 'ADD':
        return await add(request, op, links);
      case 'CHECK':
        return await check(request, op, links);
      case 'DEL':
        return await del(request, op, links);
    }
  } finally {
    forgetLinks(request.node);
    forgetLinks(request.netns);
  }
}

async function add(request: CniRequest, op: CniOp, links: readonly ChainLink[]): Promise<CniRun> {
  const { netns: ns, owned, ifname } = request;
  forgetLinks(ns);
  if (readLabFile(recordPath(request)) !== null && isThere(ns) && hasLink(netns(ns), ifname)) throw attachedTwice(request);
  const made = owned && !isThere(ns);
  if (made) createNetns(ns);
  const calls: CniCall[] = [];
  let result: Json | null = null;
  try {
    for (const link of links) {
      const call = await invoke('ADD', link, op, result);
      calls.push(call);
      if (call.exitCode !== 0) {
        // A runtime takes back what it could not finish (CNI specification, section 3).
        const undone = await detach(links, op, null);
        if (made) removeNetns([ns]);
        return { calls, undone: undone.calls, ok: false, result: null, made: false, removed: false };
      }
      result = call.answer ?? result;
    }
    writeLabFile(recordPath(request), JSON.stringify(result ?? {}));
  } catch (error) {
    // A plugin hung, or did not start. All are asked to take back their part, each by itself: one may hang again.
    for (const link of links.toReversed()) await invoke('DEL', link, op, null).catch(() => undefined);
    if (made) removeNetns([ns]);
    throw error;
  }
  return { calls, undone: [], ok: true, result, made, removed: false };
}

async function check(request: CniRequest, op: CniOp, links: readonly ChainLink[]): Promise<CniRun> {
  const result = previousResult(request);
  if (result === null || !isThere(request.netns)) {
    throw new LabError({
      code: 'USAGE',
      message: `${request.pod.name} was not attached as ${request.ifname}`,
      hint: 'CHECK is given the result of an ADD: `cnilab cni add` first, with the same list',
    });
  }
  const calls: CniCall[] = [];
  for (const link of op.list['disableCheck'] === true ? [] : links) {
    calls.push(await invoke('CHECK', link, op, result));
    if (calls.at(-1)?.exitCode !== 0) break;
  }
  return { calls, undone: [], ok: calls.every(({ exitCode }) => exitCode === 0), result: null, made: false, removed: false };
}

/** Fine when there is nothing to detach: plugins are called all the same (CNI specification, section 2, DEL). What failed can be tried again. */
async function del(request: CniRequest, op: CniOp, links: readonly ChainLink[]): Promise<CniRun> {
  const { calls, ok } = isThere(request.node) ? await detach(links, op, previousResult(request)) : { calls: [], ok: true };
  if (ok) removeLabFile(recordPath(request));
  const removed = ok && request.owned && isThere(request.netns) && !hasAttachments(request.containerId);
  if (removed) removeNetns([request.netns]);
  return { calls, undone: [], ok, result: null, made: false, removed };
}

/** DEL in reverse order, up to the first that fails. */
async function detach(links: readonly ChainLink[], op: CniOp, previous: Json | null): Promise<{ readonly calls: readonly CniCall[]; readonly ok: boolean }> {
  const calls: CniCall[] = [];
  for (const link of links.toReversed()) {
    calls.push(await invoke('DEL', link, op, previous));
    if (calls.at(-1)?.exitCode !== 0) return { calls, ok: false };
  }
  return { calls, ok: true };
}

async function invoke(command: CniRequest['command'], link: ChainLink, op: CniOp, previous: Json | null): Promise<CniCall> {
  // A runtime whose container is gone says so by an empty CNI_NETNS.
  const { stdout, ...call } = await invokePlugin(command, link, op, previous, isThere(op.ns) ? {} : { CNI_NETNS: '' });
  return call.exitCode === 0 || call.answer !== null || call.stderr !== '' ? call : { ...call, stderr: stdout };
}

/** Of an ADD by hand, or of the lab's own. */
function previousResult(request: CniRequest): Json | null {
  const text = readLabFile(recordPath(request));
  if (text !== null) return JSON.parse(text) as Json;
  const record = readRecord(request);
  return record?.op.ifname === request.ifname ? record.result : null;
}

function hasAttachments(containerId: string): boolean {
  return existsSync(FOLDER) && readdirSync(FOLDER).some((file) => file.startsWith(`${containerId}.`));
}

/** What the lab's own attachments are called with, but for what the plan says of a pod: addresses, MAC, host ports. */
function opOf({ node, netns: ns, containerId, ifname, list, pod }: CniRequest): CniOp {
  const configured = existsSync(cniFolders(node).plugins);
  return { op: 'cni', node, ns, containerId, ifname, configured, list, ips: [], mac: '', portMappings: [], pod, lane: null };
}

function attachedTwice({ pod, ifname }: CniRequest): LabError {
  return new LabError({
    code: 'USAGE',
    message: `${pod.name} is attached as ${ifname} already`,
    hint: 'the CNI specification forbids a second ADD without a DEL: `cnilab cni del` first, or attach it as another interface by --ifname net1',
  });
}
