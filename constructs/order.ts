let created = 0;

/** Children of a construct are listed by key, and keys that look like numbers come first: the order of creation is kept beside them. */
export function nextOrder(): number {
  created += 1;
  return created;
}
