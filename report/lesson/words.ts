/** What topics and levels of lessons are called. */
import type { Level, Topic } from '../../topology/lesson/lesson.ts';

export const TOPIC_TITLES: Readonly<Record<Topic, string>> = {
  hosts: 'Hosts and networks',
  'by-hand': 'By hand',
  docker: 'What Docker does',
  cni: 'Pods and CNI',
  'pod-network': 'Pod networks',
  service: 'Services',
  dns: 'Names',
  policy: 'Policies',
  ingress: 'Ingress',
  'set-up': 'Setting clusters up',
};

export const LEVEL_TITLES: Readonly<Record<Level, string>> = {
  first: 'begins its topic',
  next: 'after the first ones of its topic',
  deep: 'for who wants to know exactly',
};
