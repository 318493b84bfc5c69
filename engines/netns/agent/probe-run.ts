/** What the parts of the prober share during one request, and the payload that ties a server's observation to the client's probe. */
import { randomFillSync } from 'node:crypto';
import type { Family } from '../../../topology/spec.ts';
import { NONCE_BACK, NONCE_THERE } from '../../probe-batch.ts';
import type { ProbeRequest } from '../../port.ts';
import { addressBytes } from './address-bytes.ts';
import { type AddressTable, createAddressTable, type SocketAddress, socketAddressOf } from './probe-address.ts';
import { createSlots, type Slots } from './probe-slots.ts';

/** A socket that answers for all endpoints of one network namespace. It is bound to the wildcard, so that it shows destinations that were rewritten. */
export interface Responder {
  readonly netns: string;
  readonly socket: number;
  /** 0 for icmp. */
  readonly port: number;
  /** The endpoint to name when the destination is none of `byAddress`: the first in that namespace. */
  readonly first: number;
  /** Endpoints by address index. Where several share namespace and address (a node and its hostNetwork pods), the first is named. */
  readonly byAddress: ReadonlyMap<number, number>;
}

export interface Destination {
  readonly address: SocketAddress;
  /** 0 for icmp. */
  readonly port: number;
  /** Index in the address table. */
  readonly index: number;
  /** Who is expected to answer; null when nothing listens. */
  readonly responder: Responder | null;
}

/** How one protocol probes. Functions that make a client socket are called with the thread in the client's namespace, `open` in the server's. */
export interface Transport {
  /** Opens the responder's socket. @throws KernelError */
  open(port: number): number;
  /** Begins the probe of a slot and takes it as far as it goes at once. @returns an outcome, WAITING or NO_DESCRIPTOR */
  start(slot: number, destination: Destination): number;
  /** Answers at most `most` of what is queued at a responder. */
  serve(responder: Responder, most: number): void;
  /** Takes a waiting probe further. @returns an outcome or WAITING */
  advance(slot: number): number;
  /** Outcome of a probe that is still waiting at the deadline. */
  overdue(slot: number): number;
  /** Closes what it keeps besides slots and responders, as far as it is older than `before` (`performance.now()`). */
  discard(before: number): void;
}

export interface ProbeRun {
  readonly request: ProbeRequest;
  readonly family: Family;
  /** At least 16. */
  readonly payloadBytes: number;
  readonly streamBytes: number;
  readonly slots: Slots;
  readonly addresses: AddressTable;
  /** Of this run, by endpoint; only its responder knows it. */
  readonly secrets: Uint32Array;
  readonly responders: readonly Responder[];
}

/** Nonce (slot and tag), then two words: client and server on the way there, responding endpoint and its secret on the way back. */
export const NONCE_BYTES = 16;

export function createRun(request: ProbeRequest, maxWaiting: number, responders: readonly Responder[]): ProbeRun {
  return {
    request,
    family: request.family,
    payloadBytes: Math.max(NONCE_BYTES, request.payloadBytes ?? NONCE_BYTES),
    streamBytes: request.streamBytes ?? 0,
    slots: createSlots(maxWaiting),
    addresses: createAddressTable(request.family),
    secrets: randomFillSync(new Uint32Array(request.endpoints.length)),
    responders,
  };
}

/** A destination that may be dialled again and again. @throws CidrError when `address` is none */
export function destinationOf(run: ProbeRun, address: string, port: number, responder: Responder | null): Destination {
  return { address: socketAddressOf(run.family, address, port), port, index: indexOfText(run, address), responder };
}

/** Index of an address given as text. */
export function indexOfText(run: ProbeRun, address: string): number {
  return run.addresses.indexOf(new Uint32Array(addressBytes(address).slice().buffer), 0);
}

/** Writes the client's payload at word `at`. */
export function writeProbe(run: ProbeRun, slot: number, words: Uint32Array, at: number): void {
  const { columns, tag } = run.slots;
  words[at] = slot;
  words[at + 1] = tag[slot]!;
  words[at + 2] = columns.client[slot]!;
  words[at + 3] = columns.server[slot]!;
}

/** The slot whose nonce is at word `at`, or -1: foreign, or of a probe that has ended. */
export function slotOf(run: ProbeRun, words: Uint32Array, at: number): number {
  const slot = words[at]!;
  return slot < run.slots.capacity && words[at + 1] !== 0 && run.slots.tag[slot] === words[at + 1] ? slot : -1;
}

/**
 * Enters what a server saw of a probe. The first sight counts: a datagram that arrives twice, or at two servers, is one probe.
 * @returns the endpoint that answers for the destination
 */
export function enterSight(
  run: ProbeRun,
  slot: number,
  responder: Responder,
  source: number,
  sourcePort: number,
  destination: number,
  destinationPort: number,
  ttl: number,
): number {
  const { columns } = run.slots;
  const endpoint = responder.byAddress.get(destination) ?? responder.first;
  if ((columns.nonce[slot]! & NONCE_THERE) !== 0) return endpoint;
  columns.seenSourceAddress[slot] = source;
  columns.seenSourcePort[slot] = sourcePort;
  columns.seenDestinationAddress[slot] = destination;
  columns.seenDestinationPort[slot] = destinationPort;
  columns.seenTtl[slot] = ttl;
  columns.answeredBy[slot] = endpoint;
  columns.nonce[slot] = columns.nonce[slot]! | NONCE_THERE;
  return endpoint;
}

/** Turns a received payload into the responder's reply, in place. */
export function writeReply(run: ProbeRun, words: Uint32Array, at: number, endpoint: number): void {
  words[at + 2] = endpoint;
  words[at + 3] = run.secrets[endpoint]!;
}

/** Enters a reply that the client got; anything but the nonce with a responder's secret leaves `nonceBack` false. */
export function enterReply(run: ProbeRun, slot: number, words: Uint32Array, at: number, length: number): void {
  const { columns } = run.slots;
  const endpoint = words[at + 2]!;
  if (length < NONCE_BYTES || slotOf(run, words, at) !== slot) return;
  if (endpoint >= run.secrets.length || words[at + 3] !== run.secrets[endpoint]) return;
  columns.nonce[slot] = columns.nonce[slot]! | NONCE_BACK;
  columns.answeredBy[slot] = endpoint;
}
