// The buttons over the surface. Each says its key, and does what the key does.
import type { Actions } from "./actions";
import { COLORS_NAMES, type ColorsName } from "./colors";
import { make } from "./dom";
import type { Store, ViewState } from "./state";

export function buildTools(bar: HTMLElement, store: Store, actions: Actions, mapOnly: boolean): void {
  const colors = make(
    "select",
    { id: "colors", title: "Color scale (C)", attributes: { "aria-label": "Color scale" } },
    ...COLORS_NAMES.map((name) => make("option", { value: name, textContent: name })),
  );
  colors.addEventListener("change", () => store.set({ colors: colors.value as ColorsName }));
  const flat = button("flat", "Map", "Draw as a map (M)", actions.flat);
  flat.disabled = mapOnly;
  const log = button("log", "Log", "Logarithmic loss (L)", actions.log);
  bar.append(
    button("reset", "Reset", "Reset the view (R)", actions.reset),
    button("closer", "+", "Zoom in (+)", actions.closer),
    button("further", "−", "Zoom out (−)", actions.further),
    log,
    flat,
    colors,
    button("help", "?", "Keys and help (?)", actions.help),
  );
  const show = (state: ViewState): void => {
    log.setAttribute("aria-pressed", String(state.log));
    flat.setAttribute("aria-pressed", String(state.flat || mapOnly));
    colors.value = state.colors;
  };
  store.listen(show);
  show(store.state);
}

export function button(id: string, text: string, title: string, act: () => void): HTMLButtonElement {
  const made = make("button", { id, type: "button", textContent: text, title, attributes: { "aria-label": title } });
  made.addEventListener("click", act);
  return made;
}
