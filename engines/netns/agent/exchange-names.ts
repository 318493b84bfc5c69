/** DNS messages to a server, by sockets that are opened in a namespace of the lab: a program for each question takes longer to start than all answers take. */
import { setTimeout as sleep } from 'node:timers/promises';
import { getSystemErrorName } from 'node:util';
import type { NameMessage, NameReply } from '../../port.ts';
import { netns } from './namespaces.ts';
import { type SocketAddress, socketAddressOf } from './probe-address.ts';
import { openSocket } from './probe-socket.ts';
import {
  AF_INET,
  AF_INET6,
  close,
  connect,
  ERRNO,
  errno,
  inNamespace,
  MSG_NOSIGNAL,
  recv,
  send,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_STREAM,
} from './sys.ts';

export interface ExchangeRequest {
  readonly netns: string;
  readonly server: string;
  readonly messages: readonly NameMessage[];
  readonly deadlineMs: number;
}

const DNS_PORT = 53;
/** Messages on the way at the same time. */
const TOGETHER = 64;
const POLL_MS = 1;
/** Largest DNS message, with its length before it (RFC 1035, section 4.2.2). */
const MOST_BYTES = 65_537;

interface Question {
  readonly protocol: NameMessage['protocol'];
  readonly socket: number;
  readonly bytes: Buffer;
  sent: boolean;
  /** Of TCP: what came until now. */
  got: Buffer;
  reply: NameReply | null;
}

/** Sends each message once, by a socket of its own, and collects the replies, in the order of the messages. @throws KernelError when no socket can be opened */
export async function exchangeNames({ netns: ns, server, messages, deadlineMs }: ExchangeRequest): Promise<readonly NameReply[]> {
  const address = socketAddressOf(server.includes(':') ? 'ipv6' : 'ipv4', server, DNS_PORT);
  const replies: NameReply[] = [];
  for (let at = 0; at < messages.length; at += TOGETHER)
    replies.push(...(await exchangeSome(netns(ns).fd, address, messages.slice(at, at + TOGETHER), deadlineMs)));
  return replies;
}

async function exchangeSome(fd: number, address: SocketAddress, messages: readonly NameMessage[], deadlineMs: number): Promise<readonly NameReply[]> {
  const questions: Question[] = [];
  const buffer = Buffer.alloc(MOST_BYTES);
  try {
    inNamespace(fd, () => {
      for (const message of messages) questions.push(ask(address, message));
    });
    for (const deadline = performance.now() + deadlineMs; ; ) {
      for (const question of questions) question.reply ??= advance(question, buffer);
      if (performance.now() > deadline || questions.every(({ reply }) => reply !== null)) break;
      await sleep(POLL_MS);
    }
    return questions.map(({ reply }) => reply ?? { failed: 'silent' });
  } finally {
    for (const { socket } of questions) close(socket);
  }
}

function ask(address: SocketAddress, { protocol, data }: NameMessage): Question {
  const message = Buffer.from(data, 'base64');
  const socket = openSocket(
    address.size === 16 ? AF_INET : AF_INET6,
    (protocol === 'udp' ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC,
    0,
    `a socket to ask for names by ${protocol}`,
  );
  const bytes = protocol === 'udp' ? message : Buffer.concat([Buffer.from([message.length >> 8, message.length & 0xff]), message]);
  const reply = connect(socket, address.bytes, address.size) === 0 ? null : failedBy(errno());
  return { protocol, socket, bytes, sent: false, got: Buffer.alloc(0), reply };
}

/** null while nothing is decided. */
function advance(question: Question, buffer: Buffer): NameReply | null {
  const { protocol, socket, bytes } = question;
  if (!question.sent) {
    if (send(socket, bytes, bytes.length, MSG_NOSIGNAL) < 0) return failedBy(errno());
    question.sent = true;
  }
  for (;;) {
    const length = recv(socket, buffer, buffer.length, 0);
    if (length < 0) return failedBy(errno());
    if (protocol === 'udp') return { data: buffer.toString('base64', 0, length) };
    if (length === 0) return { failed: 'closed' };
    question.got = Buffer.concat([question.got, buffer.subarray(0, length)]);
    const end = question.got.length < 2 ? Infinity : 2 + question.got.readUInt16BE(0);
    if (question.got.length >= end) return { data: question.got.toString('base64', 2, end) };
  }
}

/** null: it is on its way. */
function failedBy(number: number): NameReply | null {
  const waits = number === ERRNO.EAGAIN || number === ERRNO.EINPROGRESS || number === ERRNO.ENOTCONN;
  return waits ? null : { failed: getSystemErrorName(-number) };
}
