// What the wire calls things, as people write it.

const labels = new Map<string, string>();

/** The server has said how people write its names. */
export function learn(known: Record<string, string>): void {
  for (const [name, label] of Object.entries(known)) labels.set(name, label);
}

/** `two_minima` becomes "two minima". */
export function spoken(name: string): string {
  return labels.get(name) ?? name.replaceAll("_", " ");
}

/** With a capital, as on a control. */
export function titled(name: string): string {
  const words = spoken(name);
  return words[0].toUpperCase() + words.slice(1);
}
