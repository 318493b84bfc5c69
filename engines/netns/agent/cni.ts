/** The CNI protocol as a container runtime speaks it: ADD through the chain, CHECK, DEL in reverse order. */
import { EngineError } from '../../../topology/errors.ts';
import { currentList } from './cni-setup.ts';
import { chainLinks, type CniOp, type Json, loopbackLink, resultIps } from './cni-config.ts';
import { callPlugin } from './cni-plugin.ts';
import { LAB_FOLDER, readLabFile, removeLabFile, writeLabFile } from './files.ts';
import { forgetLinks } from './namespaces.ts';

/** What DEL and CHECK need of the ADD: the very list it was made with, and its result. */
export interface CniRecord {
  readonly op: CniOp;
  readonly result: Json;
}

const recordPath = (op: Pick<CniOp, 'containerId'>): string => `${LAB_FOLDER}/cni/${op.containerId}.json`;

/**
 * Attaches a pod: loopback, then every plugin of the list; its result is kept for DEL and CHECK. A failed chain is taken down by DEL, as the
 * specification asks.
 *
 * @throws CommandError or EnvironmentError of the plugin; EngineError when the pod got other addresses than the planned ones
 */
export async function cniAdd(planned: CniOp): Promise<void> {
  const op = planned.configured ? { ...planned, list: currentList(planned.node) } : planned;
  try {
    await callPlugin('ADD', loopbackLink(op), op, null);
    let result: Json | null = null;
    for (const link of chainLinks(op)) result = (await callPlugin('ADD', link, op, result)) ?? result;
    checkAddresses(op, result ?? {});
    writeLabFile(recordPath(op), JSON.stringify({ op, result: result ?? {} } satisfies CniRecord));
  } catch (error) {
    // The first failure is the one to report; what DEL says of a half made attachment is noise.
    await cniDelete(op).catch(() => {});
    throw error;
  } finally {
    forgetLinks(op.node);
    forgetLinks(op.ns);
  }
}

/** The plan's addresses are what the oracle expects, so another one is a failure of the attachment. */
function checkAddresses(op: CniOp, result: Json): void {
  const got = resultIps(result);
  if (op.ips.every((ip) => got.includes(ip))) return;
  throw new EngineError({
    code: 'ENGINE_STEP_FAILED',
    message: `the CNI plugins gave it ${got.join(', ') || 'no address'} instead of the planned ${op.ips.join(', ')}`,
    hint: 'use an IPAM plugin that honours CNI_ARGS IP= (host-local does), or let the plan follow the addresses of the list',
    details: { planned: op.ips, got, result },
  });
}

/** Detaches a pod: the chain in reverse order with the result of its ADD, loopback last. Every plugin is called even when one fails. @throws the first failure */
export async function cniDelete(op: CniOp): Promise<void> {
  const record = readRecord(op);
  const made = record?.op ?? op;
  let failure: { readonly error: unknown } | null = null;
  for (const link of [loopbackLink(made), ...chainLinks(made)].reverse()) {
    try {
      await callPlugin('DEL', link, made, link.type === 'loopback' ? null : (record?.result ?? null));
    } catch (error) {
      failure ??= { error };
    }
  }
  removeLabFile(recordPath(op));
  forgetLinks(op.node);
  forgetLinks(op.ns);
  if (failure !== null) throw failure.error;
}

/** Asks every plugin whether the attachment is still as its ADD left it. @throws CommandError of the plugin that finds it changed */
export async function cniCheck(op: CniOp): Promise<void> {
  const record = readRecord(op);
  if (record === null) {
    throw new EngineError({
      code: 'ENGINE_STEP_FAILED',
      message: 'it was not attached by CNI',
      hint: '`cnilab down` and `cnilab up` rebuild the lab',
    });
  }
  if (record.op.list['disableCheck'] === true) return;
  for (const link of chainLinks(record.op)) await callPlugin('CHECK', link, record.op, record.result);
}

/** What the ADD of a container left; null when there was none. */
export function readRecord(op: Pick<CniOp, 'containerId'>): CniRecord | null {
  const text = readLabFile(recordPath(op));
  return text === null ? null : (JSON.parse(text) as CniRecord);
}
