// The update rule of an optimizer, as the server writes it, with the numbers it goes by now.
import { make } from "../dom";
import { short } from "../numbers";
import { typeset } from "./typeset";
import type { DescentSettings, Welcome } from "./wire";

/** The rule and its numbers; `hyperparams` are those of the server, where a descent is on its way. */
export function formula(
  welcome: Welcome,
  settings: DescentSettings,
  hyperparams: Record<string, number> | null,
): HTMLElement {
  const known = welcome.optimizers.find(({ name }) => name === settings.optimizer);
  const on = (name: string): boolean => Boolean(settings[name]);
  const lines = known?.formula.filter(({ needs, lacks }) => needs.every(on) && !lacks.some(on)) ?? [];
  const inside = new Set(lines.flatMap(({ numbers }) => numbers));
  const numbers = Object.entries(welcome.letters).flatMap(([name, letter]) => {
    const value = hyperparams?.[name] ?? settings[name] ?? welcome.descent[name];
    if (!inside.has(name) || typeof value !== "number") return [];
    return [make("span", { className: "known" }, set(letter), ` = ${short(value, 4)}`), " "];
  });
  return make(
    "div",
    { className: "formula" },
    ...lines.map(({ text }) => make("p", {}, set(text))),
    make("p", { className: "quiet" }, ...numbers),
  );
}

function set(text: string): HTMLElement {
  return make("span", { innerHTML: typeset(text) });
}
