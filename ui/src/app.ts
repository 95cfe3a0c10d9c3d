// The page: it holds the document and the state, and draws when one of them changed.
import { type Actions, makeActions } from "./actions";
import { Beside } from "./beside";
import type { Document } from "./document";
import { byId, make } from "./dom";
import { followPointers } from "./gestures";
import { makeHelp } from "./help";
import { type Keys, keyList, listenToKeys } from "./keys";
import { MapStage } from "./map";
import { Overlay } from "./overlay";
import { buildPlaybar } from "./playbar";
import { Player, type Runner } from "./player";
import { Quality } from "./quality";
import { prefersLog } from "./scale";
import { SpaceStage } from "./space";
import { makeScenes, pathNames, type Pick, type Scene, type Stage } from "./stage";
import { HOME, Store, type ViewState } from "./state";
import { currentTheme, onThemeChange } from "./theme";
import { buildTools } from "./tools";
import { pickFacts, planeWords, standingWords, summary } from "./words";

const WRITE_AFTER = 250;

/** What a live server adds to the page. */
export interface Live extends Runner {
  /** Begin a descent at the point of a surface nearest to these coefficients along its directions. */
  start(surface: number, at: [number, number]): void;
  /** A click hit nothing. */
  missed(): void;
  cancel(): void;
  /** Whether a plane can be cut along the path of a descent. */
  readonly canCutAlong: boolean;
  cutAlong(id: number): void;
  /** Its own part of the address. */
  fragment(): string;
}

interface Panel {
  shape: string;
  beside: Beside;
  element: HTMLElement;
}

export class App {
  readonly store: Store;
  readonly player: Player;
  private readonly fitPlaybar: (stepLabel: string) => void;
  private readonly actions: Actions;
  private readonly quality = new Quality(() => this.ask());
  private readonly stages: { space: SpaceStage | null; map: MapStage };
  private readonly canvases = { space: make("canvas"), map: make("canvas") };
  private overlays: Overlay[] = [];
  private panels: Panel[] = [];
  private scenes: Scene[] = [];
  private theme = currentTheme();
  private stage: Stage | null = null;
  private probe: Pick | null = null;
  private stale = true;
  private asked = 0;
  private writing = 0;

  constructor(
    private content: Document,
    private readonly live: Live | null = null,
  ) {
    this.stages = this.makeStages();
    const mapOnly = this.stages.space === null;
    this.store = new Store(defaults(content, mapOnly));
    if (mapOnly) this.store.set({ flat: true });
    this.player = new Player(this.store, live);
    byId("stage").prepend(this.canvases.space, this.canvases.map);
    byId("notice").hidden = !mapOnly;
    byId("notice").textContent = "This browser has no WebGL, so the surface is drawn as a map. Everything else works.";
    this.actions = makeActions(this.store, this.player, makeHelp(() => this.keys(), live !== null), mapOnly);
    listenToKeys(() => this.keys());
    buildTools(byId("tools"), this.store, this.actions, mapOnly);
    this.fitPlaybar = buildPlaybar(byId("player"), this.store, this.player, this.actions, live !== null);
    this.show(content);
    this.store.listen((state, before) => this.changed(state, before));
    this.listenToSurroundings();
  }

  /** Show a document in place of the one shown; what is the same in both stays as it is. */
  show(content: Document): void {
    this.content = content;
    this.player.show(content);
    this.layFrames();
    this.scenes = this.makeScenes();
    this.layPanels();
    this.fitPlaybar(content.step_label);
    if (this.probe && !this.known(this.probe)) this.probe = null;
    byId("summary").replaceChildren(...summary(content, this.scenes).map((textContent) => make("p", { textContent })));
    this.stale = true;
    this.ask();
  }

  private keys(): Keys[] {
    const { live } = this;
    const keys = live && { start: () => this.startAtProbe(), cancel: () => live.cancel() };
    return keyList(this.actions, pathNames(this.content), (right, up) => this.read(right, up), keys);
  }

  private makeStages(): { space: SpaceStage | null; map: MapStage } {
    const map = new MapStage(this.canvases.map);
    try {
      return { space: new SpaceStage(this.canvases.space, this.quality.ratio), map };
    } catch {
      return { space: null, map };
    }
  }

  private layFrames(): void {
    const { surfaces, title, description } = this.content;
    byId("title").textContent = title;
    byId("description").textContent = description;
    while (this.overlays.length < surfaces.length) {
      const overlay = new Overlay();
      this.follow(overlay.frame, this.overlays.length);
      this.overlays.push(overlay);
      byId("frames").append(overlay.frame);
    }
    for (const { frame } of this.overlays.splice(surfaces.length)) frame.remove();
    surfaces.forEach((surface, index) => this.overlays[index].setHeading(surface.name, planeWords(surface)));
    const bare = !this.live && surfaces.every(({ paths, view }) => !paths.length && !view);
    document.body.classList.toggle("bare", bare);
    document.body.classList.toggle("several", surfaces.length > 1);
  }

  private makeScenes(): Scene[] {
    return makeScenes(this.content, this.overlays.map(({ frame }) => frame), this.store.state, this.theme);
  }

  private layPanels(): void {
    const { surfaces } = this.content;
    for (const { element } of this.panels.splice(surfaces.length)) element.remove();
    surfaces.forEach((surface, index) => {
      const shape = Beside.shape(surface);
      const before = this.panels[index];
      if (before?.shape === shape) return;
      const element = make("div", { className: "group" });
      if (before) before.element.replaceWith(element);
      else byId("groups").append(element);
      const choose = (step: number): void => this.store.set({ step, playing: false });
      const beside = new Beside(element, this.content, () => this.scenes[index], this.store, choose, this.live);
      this.panels[index] = { shape, beside, element };
    });
  }

  private follow(frame: HTMLElement, index: number): void {
    const pick = (at: { x: number; y: number }): Pick | null => {
      // what is pointed at is what is drawn
      if (this.stale) this.draw();
      return this.stage?.pick(this.scenes, this.store.state, index, at.x, at.y) ?? null;
    };
    followPointers(frame, index, this.store, {
      point: (_, at) => this.look(at && pick(at)),
      click: (_, at) => {
        const found = pick(at);
        if (!found) this.live?.missed();
        if (found?.kind === "cell") this.startAt(found);
        if (found?.kind !== "point") return;
        // a ball that has not moved yet has no other step to go to
        if (this.live && this.scenes[index].surface.paths[found.path].steps.length < 2) return;
        if (this.live?.running) this.live.pause();
        this.store.set({ step: this.scenes[index].surface.paths[found.path].steps[found.at], playing: false });
      },
    });
    frame.addEventListener("blur", () => this.look(null));
  }

  private startAtProbe(): void {
    if (this.probe?.kind === "cell") this.startAt(this.probe);
    else this.say("Lead the cross to a start with the arrow keys first.");
  }

  private startAt({ surface, i, j, across }: Extract<Pick, { kind: "cell" }>): void {
    const { plane, surface: shown } = this.scenes[surface];
    const [first, second] = shown.axes;
    const at = across?.map((part, axis) => plane.coefficient(axis as 0 | 1, part)) ?? [first.values[i], second.values[j]];
    this.live?.start(surface, [at[0], at[1]]);
  }

  /** Whether what was under the pointer is still there. */
  private known(probe: Pick): boolean {
    const surface = this.content.surfaces[probe.surface];
    if (!surface) return false;
    if (probe.kind === "point") return probe.at < (surface.paths[probe.path]?.steps.length ?? 0);
    return probe.i < surface.axes[0].values.length && probe.j < surface.axes[1].values.length;
  }

  private listenToSurroundings(): void {
    onThemeChange(() => {
      this.theme = currentTheme();
      this.renew();
    });
    new ResizeObserver(() => this.ask()).observe(byId("stage"));
    new ResizeObserver(() => this.ask()).observe(byId("beside"));
    this.canvases.space.addEventListener("webglcontextrestored", () => this.renew());
  }

  private changed(state: ViewState, before: ViewState): void {
    if (state.log !== before.log) this.renew();
    if (state.step !== before.step && !this.player.active) this.say(this.standingWords());
    if (state.playing !== before.playing) this.say(state.playing ? "Playing." : `Paused. ${this.standingWords()}`);
    if (!state.playing) {
      clearTimeout(this.writing);
      this.writing = window.setTimeout(() => this.write(), WRITE_AFTER);
    }
    if (state.camera !== before.camera || state.playing) this.quality.moving(performance.now());
    this.ask();
  }

  /** Lay everything out again that follows from the document, the scale and the theme. */
  private renew(): void {
    this.scenes = this.makeScenes();
    this.stale = true;
    this.ask();
  }

  private ask(): void {
    this.asked ||= requestAnimationFrame((now) => {
      this.asked = 0;
      this.draw();
      this.player.advance(now);
      if (this.store.state.playing) this.ask();
    });
  }

  private draw(): void {
    const { state } = this.store;
    const wanted = state.flat || !this.stages.space ? this.stages.map : this.stages.space;
    if (wanted !== this.stage || this.stale) {
      this.stages.map.rebuild();
      this.stages.space?.rebuild(this.scenes);
      this.stage = wanted;
      this.stale = false;
    }
    this.canvases.space.hidden = wanted.kind === "map";
    this.canvases.map.hidden = wanted.kind === "space";
    const labels = wanted.draw(this.scenes, state, this.theme, this.probe);
    this.overlays.forEach((overlay, index) => {
      overlay.setLabels(labels[index]);
      overlay.setLegend(this.scenes[index], state.colors);
      const probe = this.probe?.surface === index ? this.probe : null;
      overlay.setReadout(probe ? pickFacts(this.scenes[index], probe, this.content) : []);
    });
    this.panels.forEach((panel, index) => {
      panel.beside.update(state, this.theme, this.probe?.surface === index ? this.probe : null);
    });
    document.body.dataset.drawn = wanted.kind;
  }

  private look(probe: Pick | null): void {
    const key = (one: Pick | null): string => JSON.stringify(one && { ...one, across: null });
    if (key(probe) === key(this.probe)) return;
    this.probe = probe;
    this.ask();
  }

  /** Move the place that is read by one cell, as seen on the screen. */
  private read(right: number, up: number): void {
    const focused = this.overlays.findIndex(({ frame }) => frame === document.activeElement);
    const surface = Math.max(0, focused);
    if (!this.scenes[surface]) return;
    const [first, second] = this.scenes[surface].surface.axes.map(({ values }) => values.length);
    const [along, across] = this.onGround(right, up);
    const known = this.probe?.kind === "cell" && this.probe.surface === surface ? this.probe : null;
    const [i, j] = known ? [known.i + along, known.j + across] : [first >> 1, second >> 1];
    const inside = (at: number, count: number): number => Math.min(count - 1, Math.max(0, at));
    this.look({ kind: "cell", surface, i: inside(i, first), j: inside(j, second) });
    if (this.probe) this.say(facts(pickFacts(this.scenes[surface], this.probe, this.content)));
  }

  /** Which way along the two directions a way on the screen points most. */
  private onGround(right: number, up: number): [number, number] {
    const { flat, camera } = this.store.state;
    const quarters = flat ? 0 : Math.round(camera.azimuth / 90);
    const [cosine, sine] = [[1, 0, -1, 0][(quarters + 4) % 4], [0, 1, 0, -1][(quarters + 4) % 4]];
    return [right * cosine - up * sine, right * sine + up * cosine];
  }

  private standingWords(): string {
    const { state } = this.store;
    const paths = this.scenes.flatMap((scene) =>
      scene.surface.paths.flatMap(({ name }, path) => {
        return state.off.has(name) ? [] : [`${name}: ${standingWords(scene, path, state.step)}`];
      }),
    );
    return [`${this.content.step_label} ${state.step}`, ...paths].join(". ");
  }

  /** Bring buttons and the address up to date with what the live side has changed. */
  refresh(): void {
    this.store.set({});
  }

  say(text: string): void {
    byId("said").textContent = text;
  }

  /** Write the address, for who reloads or shares it. */
  write(): void {
    try {
      const parts = [this.live?.fragment() ?? "", this.store.fragment()];
      history.replaceState(null, "", `#${parts.filter(Boolean).join("&")}`);
    } catch {
      // a page inside another one may have no address to write to
    }
  }
}

function defaults(content: Document, mapOnly: boolean): ViewState {
  const steps = content.surfaces.flatMap(({ paths }) => paths.map((path) => path.steps[path.steps.length - 1] ?? 0));
  return {
    camera: HOME,
    log: content.surfaces.some(prefersLog),
    colors: "viridis",
    flat: mapOnly,
    step: Math.max(0, ...steps),
    speed: 1,
    playing: false,
    off: new Set(),
    curve: "loss",
  };
}

function facts(known: [string, string][]): string {
  return known.map(([name, value]) => `${name} ${value}`).join(", ");
}
