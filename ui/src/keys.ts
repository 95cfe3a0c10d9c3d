// Everything by keyboard; the table in the help is made from the same list.
import type { Actions } from "./actions";

export interface Keys {
  /** What is pressed, as `KeyboardEvent.key` has it; capitals are told apart. */
  keys: string[];
  shown: string;
  does: string;
  act(key: string): void;
}

const STEPS: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, 1],
  ArrowDown: [0, -1],
  a: [-1, 0],
  d: [1, 0],
  w: [0, 1],
  s: [0, -1],
};
const ARROWS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];

/** What a page with a live server does besides. */
export interface LiveKeys {
  start(): void;
  cancel(): void;
}

export function keyList(
  actions: Actions,
  names: string[],
  read: (right: number, up: number) => void,
  live: LiveKeys | null,
): Keys[] {
  return [
    ...(live ? liveKeys(live) : []),
    { keys: ARROWS, shown: "arrows", does: "read the values of the next cell", act: (key) => read(...STEPS[key]) },
    {
      keys: ARROWS.map((key) => `Shift+${key}`),
      shown: "Shift + arrows",
      does: "turn the surface",
      act: (key) => actions.turn(...STEPS[key.replace("Shift+", "")]),
    },
    { keys: ["w", "a", "s", "d"], shown: "W A S D", does: "move the view", act: (key) => actions.move(...STEPS[key]) },
    { keys: ["+", "="], shown: "+", does: "zoom in", act: actions.closer },
    { keys: ["-"], shown: "−", does: "zoom out", act: actions.further },
    { keys: ["r", "0"], shown: "R", does: "reset the view", act: actions.reset },
    { keys: ["l"], shown: "L", does: "logarithmic loss, on and off", act: actions.log },
    { keys: ["c"], shown: "C", does: "next color scale", act: actions.colors },
    { keys: ["m"], shown: "M", does: "map, or surface in depth", act: actions.flat },
    ...(names.length || live ? playKeys(actions, names, live !== null) : []),
    { keys: ["?"], shown: "?", does: "this list", act: actions.help },
  ];
}

function liveKeys({ start, cancel }: LiveKeys): Keys[] {
  return [
    { keys: ["Enter"], shown: "Enter", does: "start a descent where the arrows have led, or at a click", act: start },
    { keys: ["x"], shown: "X", does: "cancel what is being computed", act: cancel },
  ];
}

function playKeys(actions: Actions, names: string[], live: boolean): Keys[] {
  return [
    { keys: [" "], shown: "Space", does: "play and pause", act: actions.play },
    ...(live ? [{ keys: ["Shift+ "], shown: "Shift + Space", does: "replay", act: actions.replay }] : []),
    { keys: [","], shown: ",", does: "one step back", act: actions.back },
    { keys: ["."], shown: ".", does: "one step on", act: actions.forward },
    { keys: ["Home"], shown: "Home", does: "first step", act: actions.first },
    { keys: ["End"], shown: "End", does: "last step", act: actions.last },
    { keys: ["["], shown: "[", does: "slower", act: actions.slower },
    { keys: ["]"], shown: "]", does: "faster", act: actions.faster },
    ...(names.length ? [pathKeys(actions, names)] : []),
  ];
}

function pathKeys(actions: Actions, names: string[]): Keys {
  return {
    keys: names.slice(0, 9).map((_, place) => String(place + 1)),
    shown: names.length > 1 ? `1 … ${Math.min(9, names.length)}` : "1",
    does: "show and hide a path",
    act: (key) => actions.toggle(names[Number(key) - 1]),
  };
}

export function listenToKeys(list: () => Keys[]): void {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target instanceof Element && ownKeys(event.target, event.key)) return;
    const letter = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const shifted = event.key.startsWith("Arrow") || event.key === " ";
    const key = event.shiftKey && shifted ? `Shift+${event.key}` : letter;
    const found = list().find(({ keys }) => keys.includes(key));
    if (!found) return;
    event.preventDefault();
    found.act(key);
  });
}

/** Whether the focused control needs the key for itself. */
function ownKeys(target: Element, key: string): boolean {
  if (target.matches("select")) return !["?", "Escape"].includes(key);
  if (target.matches("input[type=number], input[type=text], textarea")) return key !== "Escape";
  if (target.matches("input[type=range]")) return key.startsWith("Arrow") || ["Home", "End"].includes(key);
  return target.matches("button, input, summary, a") && [" ", "Enter"].includes(key);
}
