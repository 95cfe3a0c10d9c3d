// What the reader has chosen, all of it: kept in one place, written into the URL, read back from it.
import { COLORS_NAMES, type ColorsName } from "./colors";
import { clamp } from "./numbers";

export interface Camera {
  /** Degrees around the vertical, and above the ground. */
  azimuth: number;
  elevation: number;
  zoom: number;
  /** What the camera looks at, moved from the middle of the box. */
  pan: [number, number, number];
}

export const QUANTITIES = ["loss", "first", "second", "distance", "gradient", "largest"] as const;
export type Quantity = (typeof QUANTITIES)[number];

export const SPEEDS = [0.25, 0.5, 1, 2, 4];

export interface ViewState {
  camera: Camera;
  log: boolean;
  colors: ColorsName;
  /** Drawn as a map instead of in depth. */
  flat: boolean;
  /** The step shown: each path stands at its last point up to it. */
  step: number;
  speed: number;
  playing: boolean;
  /** Names of paths that are not shown. */
  off: ReadonlySet<string>;
  curve: Quantity;
}

export const HOME: Camera = { azimuth: -32, elevation: 36, zoom: 1, pan: [0, 0, 0] };

type Listener = (state: ViewState, before: ViewState) => void;

export class Store {
  private listeners: Listener[] = [];
  private current: ViewState;

  /** `defaults` is what an empty URL means. */
  constructor(private defaults: ViewState) {
    this.current = fromFragment(location.hash, defaults);
    addEventListener("hashchange", () => this.set(fromFragment(location.hash, this.defaults)));
  }

  get state(): ViewState {
    return this.current;
  }

  set(change: Partial<ViewState>): void {
    const before = this.current;
    this.current = { ...before, ...change };
    for (const listener of this.listeners) listener(this.current, before);
  }

  turn(change: Partial<Camera>): void {
    this.set({ camera: bounded({ ...this.current.camera, ...change }) });
  }

  listen(listener: Listener): void {
    this.listeners.push(listener);
  }

  /** Take other defaults, as for another document; what the reader has changed stays. */
  rebase(change: Partial<ViewState>): void {
    const fragment = this.fragment();
    const { step, playing } = this.current;
    this.defaults = { ...this.defaults, ...change };
    this.set({ ...fromFragment(fragment, this.defaults), step, playing });
  }

  fragment(): string {
    return toFragment(this.current, this.defaults);
  }
}

export function bounded(camera: Camera): Camera {
  const reach = (value: number): number => clamp(value, -2, 2);
  return {
    azimuth: ((((camera.azimuth + 180) % 360) + 360) % 360) - 180,
    elevation: clamp(camera.elevation, 2, 90),
    zoom: clamp(camera.zoom, 0.3, 20),
    pan: [reach(camera.pan[0]), reach(camera.pan[1]), reach(camera.pan[2])],
  };
}

export function toFragment(state: ViewState, defaults: ViewState): string {
  const { camera } = state;
  const written: Record<string, string> = {
    turn: [camera.azimuth, camera.elevation].map((angle) => angle.toFixed(1)).join(","),
    zoom: camera.zoom.toFixed(3),
    pan: camera.pan.map((part) => part.toFixed(3)).join(","),
    log: state.log ? "1" : "0",
    colors: state.colors,
    view: state.flat ? "map" : "3d",
    step: String(state.step),
    speed: String(state.speed),
    off: [...state.off].map(encodeURIComponent).join(","),
    curve: state.curve,
  };
  const unchanged = state === defaults ? written : Object.fromEntries(parts(toFragment(defaults, defaults)));
  const changed = Object.entries(written).filter(([name, value]) => state === defaults || unchanged[name] !== value);
  return changed.map(([name, value]) => `${name}=${value}`).join("&");
}

export function fromFragment(fragment: string, defaults: ViewState): ViewState {
  const given = new Map(parts(fragment.replace(/^#/, "")));
  const number = (name: string, fallback: number): number => {
    const value = Number(given.get(name) || Number.NaN);
    return Number.isFinite(value) ? value : fallback;
  };
  const numbers = (name: string, fallback: number[]): number[] => {
    const values = (given.get(name) ?? "").split(",").map((part) => Number(part || Number.NaN));
    return values.length === fallback.length && values.every(Number.isFinite) ? values : fallback;
  };
  const choice = <T extends string>(name: string, choices: readonly T[], fallback: T): T =>
    choices.find((one) => one === given.get(name)) ?? fallback;
  const [azimuth, elevation] = numbers("turn", [defaults.camera.azimuth, defaults.camera.elevation]);
  const off = given.get("off");
  return {
    camera: bounded({
      azimuth,
      elevation,
      zoom: number("zoom", defaults.camera.zoom),
      pan: numbers("pan", defaults.camera.pan) as Camera["pan"],
    }),
    log: choice("log", ["0", "1"], defaults.log ? "1" : "0") === "1",
    colors: choice("colors", COLORS_NAMES, defaults.colors),
    flat: choice("view", ["map", "3d"], defaults.flat ? "map" : "3d") === "map",
    step: number("step", defaults.step),
    speed: SPEEDS.find((speed) => speed === number("speed", defaults.speed)) ?? defaults.speed,
    playing: false,
    off: off === undefined ? defaults.off : new Set(off.split(",").filter(Boolean).map(decoded)),
    curve: choice("curve", QUANTITIES, defaults.curve),
  };
}

function parts(fragment: string): [string, string][] {
  return fragment
    .split("&")
    .filter(Boolean)
    .map((part) => [part.split("=")[0], part.slice(part.indexOf("=") + 1)]);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
