// Beside the surfaces: for each its paths with their switches, its curves, and its data.
import { Curves, quantityLabel } from "./curves";
import type { Document, Surface } from "./document";
import { make, sample } from "./dom";
import { LinePicture } from "./lineview";
import type { Pick, Scene } from "./stage";
import { QUANTITIES, type Quantity, type Store, type ViewState } from "./state";
import type { Theme } from "./theme";
import { explainedWords, standingWords } from "./words";

interface Row {
  box: HTMLInputElement;
  sample: HTMLElement;
  standing: HTMLElement;
  explained: HTMLElement;
  along: HTMLButtonElement;
}

/** What lets a plane be cut along the path of a descent. */
export interface Cutter {
  readonly canCutAlong: boolean;
  cutAlong(id: number): void;
}

/** Planes that hold less of a movement call for another one. */
const LITTLE = 0.5;

export class Beside {
  private shown = "";
  private drawn: Scene | null = null;
  private readonly rows: Row[] = [];
  private readonly curves: Curves | null = null;
  private readonly data: LinePicture | null = null;
  private readonly chooser = make("select", { title: "What the curves show", attributes: { "aria-label": "Curves of" } });

  /** What the panel is made for; with another shape, another panel is needed. */
  static shape({ name, paths, view }: Surface): string {
    return JSON.stringify([name, paths.map((path) => [path.name, Boolean(path.live)]), view?.kind]);
  }

  constructor(
    private readonly panel: HTMLElement,
    content: Document,
    private readonly scene: () => Scene,
    private readonly store: Store,
    choose: (step: number) => void,
    private readonly cutter: Cutter | null = null,
  ) {
    const { surface } = scene();
    if (surface.name && (surface.paths.length || surface.view)) panel.append(make("h2", { textContent: surface.name }));
    if (surface.paths.length) {
      panel.append(this.list());
      this.curves = new Curves(content, choose);
      this.fillChooser(content);
      panel.append(make("section", { className: "panel" }, this.chooser, this.curves.element));
    }
    if (surface.view) {
      this.data = new LinePicture(surface.view);
      panel.append(make("section", { className: "panel" }, this.data.element));
    }
  }

  update(state: ViewState, theme: Theme, probe: Pick | null): void {
    const scene = this.scene();
    const { step, off, log, curve } = state;
    const key = JSON.stringify([step, [...off], log, curve, theme.dark, probe, this.panel.clientWidth]);
    if (key === this.shown && scene === this.drawn) return;
    [this.shown, this.drawn] = [key, scene];
    this.rows.forEach((row, path) => {
      const { color, dash } = scene.strokes[path];
      row.box.checked = !state.off.has(scene.surface.paths[path].name);
      row.standing.textContent = standingWords(scene, path, state.step);
      const { explained } = scene.surface.paths[path];
      row.explained.textContent = explainedWords(scene.surface.paths[path]);
      row.along.hidden = !this.cutter?.canCutAlong || explained === null || explained >= LITTLE;
      if (row.sample.dataset.color !== color) row.sample.replaceChildren(sample(color, dash));
      row.sample.dataset.color = color;
    });
    this.chooser.value = state.curve;
    this.curves?.update(scene, state, theme);
    this.data?.update(scene, state, theme, probe);
  }

  private list(): HTMLElement {
    const rows = this.scene().surface.paths.map((path) => {
      const box = make("input", { type: "checkbox" });
      box.addEventListener("change", () => toggle(this.store, path.name));
      const along = make("button", { type: "button", className: "along", hidden: true, textContent: "Cut the plane along this path" });
      along.addEventListener("click", () => path.live && this.cutter?.cutAlong(path.live.place));
      const row = { box, sample: make("span"), standing: spanned("standing"), explained: spanned("quiet"), along };
      this.rows.push(row);
      const name = make("label", {}, box, row.sample, make("span", { className: "name", textContent: path.name }));
      return make("li", {}, name, make("p", {}, row.standing, row.explained, along));
    });
    return make("ul", { className: "paths" }, ...rows);
  }

  private fillChooser(content: Document): void {
    const live = this.scene().surface.paths.some((path) => path.live);
    const options = QUANTITIES.filter((name) => live || !LIVE_ONLY.has(name)).map((name) => {
      return make("option", { value: name, textContent: quantityLabel(name, this.scene(), content) });
    });
    this.chooser.append(...options);
    this.chooser.addEventListener("change", () => this.store.set({ curve: this.chooser.value as Quantity }));
  }
}

const LIVE_ONLY: ReadonlySet<Quantity> = new Set(["gradient", "largest"]);

function spanned(className: string): HTMLElement {
  return make("span", { className });
}

export function toggle(store: Store, name: string): void {
  const off = new Set(store.state.off);
  if (!off.delete(name)) off.add(name);
  store.set({ off });
}
