// Play, pause, step, scrub, speed.
import type { Actions } from "./actions";
import { icon, make } from "./dom";
import type { Player } from "./player";
import { SPEEDS, type Store, type ViewState } from "./state";
import { button } from "./tools";

/** Build the bar; what it returns brings it up to date with another document. */
export function buildPlaybar(
  bar: HTMLElement,
  store: Store,
  player: Player,
  actions: Actions,
  live: boolean,
): (stepLabel: string) => void {
  let label = "";
  const play = button("play", "", "Play (Space)", actions.play);
  const scrub = make("input", {
    id: "scrub",
    type: "range",
    min: "0",
    step: "1",
  });
  scrub.addEventListener("input", () => player.go(Number(scrub.value)));
  const speed = make(
    "select",
    { id: "speed", title: "Speed ([ and ])", attributes: { "aria-label": "Speed" } },
    ...SPEEDS.map((value) => make("option", { value: String(value), textContent: `${value}×` })),
  );
  speed.addEventListener("change", () => store.set({ speed: Number(speed.value) }));
  const where = make("output", { id: "where" });
  const buttons = make(
    "div",
    { className: "buttons" },
    pictured("first", "First (Home)", actions.first),
    pictured("back", "One back (,)", actions.back),
    play,
    pictured("forward", "One on (.)", actions.forward),
    pictured("last", "Last (End)", actions.last),
    ...(live ? [pictured("replay", "Replay (Shift+Space)", () => player.replay())] : []),
    speed,
  );
  bar.append(buttons, make("div", { className: "track" }, scrub, where));
  const show = (state: ViewState): void => {
    play.textContent = player.active ? "Pause" : "Play";
    play.setAttribute("aria-label", player.active ? "Pause (Space)" : "Play (Space)");
    scrub.value = String(player.place);
    const last = player.moments.length - 1;
    const text = last < 0 ? "" : `${label} ${state.step} of ${player.moments[last]}`;
    where.textContent = text;
    scrub.setAttribute("aria-valuetext", text);
    speed.value = String(state.speed);
  };
  store.listen(show);
  return (stepLabel) => {
    label = stepLabel;
    const last = player.moments.length - 1;
    bar.hidden = last < (live ? 0 : 1);
    scrub.max = String(Math.max(0, last));
    scrub.setAttribute("aria-label", label);
    show(store.state);
  };
}

const SHAPES = {
  replay: "M8 2a6 6 0 1 1-5.7 4.1l1.9.6A4 4 0 1 0 8 4v3L3.6 3.5 8 0z",
  first: "M3 3h2v10H3zM13 3v10L6 8z",
  back: "M11 3v10L4 8z",
  forward: "M5 3v10l7-5z",
  last: "M11 3h2v10h-2zM3 3v10l7-5z",
};

function pictured(id: keyof typeof SHAPES, title: string, act: () => void): HTMLButtonElement {
  const made = button(id, "", title, act);
  made.append(icon(SHAPES[id]));
  return made;
}
