// Controls of a form: each a label with an input, a way to set it from outside, and a call when the reader changes it.
import { make } from "../dom";
import { clamp } from "../numbers";
import type { Range } from "./wire";

export interface Field<T> {
  readonly element: HTMLElement;
  set(value: T): void;
}

export type Choice = [value: string, label: string];

/** A field by the name that the wire has for it, so that what the server says about it is told there. */
export function named<T>(name: string, field: Field<T>): Field<T> {
  field.element.dataset.field = name;
  return field;
}

export function chooser(label: string, groups: Record<string, Choice[]>, chosen: (value: string) => void): Field<string> {
  const select = make("select");
  const options = (choices: Choice[]): HTMLOptionElement[] =>
    choices.map(([value, textContent]) => make("option", { value, textContent }));
  for (const [name, choices] of Object.entries(groups)) {
    if (name) select.append(make("optgroup", { label: name }, ...options(choices)));
    else select.append(...options(choices));
  }
  select.addEventListener("change", () => chosen(select.value));
  return {
    element: labeled(label, select),
    set: (value) => {
      select.value = value;
    },
  };
}

export function ticked(label: string, chosen: (on: boolean) => void): Field<boolean> {
  const box = make("input", { type: "checkbox" });
  box.addEventListener("change", () => chosen(box.checked));
  return {
    element: make("label", { className: "tick" }, box, label),
    set: (on) => {
      box.checked = on;
    },
  };
}

const NOTCHES = 400;

/** A number to type, and where it has a range to slide through also a slider; nonsense is put back. */
export function numbered(label: string, range: Range, chosen: (value: number) => void): Field<number> {
  const input = make("input", { type: "number", min: String(range.low), max: String(range.high), step: "any" });
  input.inputMode = range.whole ? "numeric" : "decimal";
  const slider = make("input", { type: "range", min: "0", max: String(NOTCHES), step: "1" });
  slider.setAttribute("aria-label", label);
  let now = range.default;
  const set = (value: number): void => {
    now = value;
    if (document.activeElement !== input || Number(input.value) !== value) input.value = String(value);
    slider.value = String(Math.round(NOTCHES * shareOf(value, range)));
    slider.setAttribute("aria-valuetext", String(value));
  };
  const choose = (value: number): void => {
    set(value);
    chosen(value);
  };
  input.addEventListener("change", () => {
    const value = Number(input.value);
    if (input.value === "" || !Number.isFinite(value)) set(now);
    else choose(clamp(range.whole ? Math.round(value) : value, range.low, range.high));
  });
  slider.addEventListener("input", () => choose(valueOf(Number(slider.value) / NOTCHES, range)));
  set(now);
  return named(range.name, { element: make("div", { className: "number" }, labeled(label, input), slider), set });
}

/** Logarithmic ranges that begin at 0 slide from here. */
const SMALLEST = 1e-5;

function bottom({ low, high }: Range): number {
  return low > 0 ? low : Math.min(SMALLEST, high / 1e4);
}

function shareOf(value: number, range: Range): number {
  const { low, high, log } = range;
  if (!log) return (value - low) / (high - low || 1);
  const least = bottom(range);
  return value <= least ? 0 : Math.log(value / least) / Math.log(high / least);
}

function valueOf(share: number, range: Range): number {
  const { low, high, log, whole } = range;
  if (log && share === 0) return low;
  const value = log ? bottom(range) * (high / bottom(range)) ** share : low + share * (high - low);
  return whole ? Math.round(value) : Number(value.toPrecision(log ? 2 : 3));
}

export function labeled(label: string, control: HTMLElement): HTMLElement {
  return make("label", { className: "field" }, make("span", { textContent: label }), control);
}

export function pressed(text: string, act: () => void, className = ""): HTMLButtonElement {
  const made = make("button", { type: "button", textContent: text, className });
  made.addEventListener("click", act);
  return made;
}

/** A part of the controls that folds; `name` is what `hide=` calls it. */
export function part(name: string, title: string, open: boolean, ...inside: (Node | string)[]): HTMLDetailsElement {
  return make(
    "details",
    { open, className: "part", attributes: { "data-part": name } },
    make("summary", { textContent: title }),
    make("div", { className: "inside" }, ...inside),
  );
}
