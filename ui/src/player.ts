// Time: the steps that any path has a point at, walked at a chosen speed.
import { lastAtMost } from "./numbers";
import type { Document } from "./document";
import type { Store } from "./state";
import { reducedMotion } from "./theme";

/** Seconds that a whole path takes at speed 1. */
const WHOLE = 10;
/** Moments a second at the least, for short paths. */
const LEAST_PACE = 3;
/** Seconds between two moves where motion is unwelcome. */
const CALM_INTERVAL = 0.5;

/** Who makes further steps, where there is one: a live server. */
export interface Runner {
  readonly running: boolean;
  play(): void;
  pause(): void;
  step(): void;
}

export class Player {
  moments = new Float64Array();
  private began = 0;
  private beganAt = 0;

  constructor(
    private readonly store: Store,
    private readonly runner: Runner | null = null,
  ) {
    store.listen((state, before) => {
      if (state.speed !== before.speed || (state.playing && !before.playing)) this.restart();
    });
  }

  /** Whether steps follow one another, recorded or new. */
  get active(): boolean {
    return this.store.state.playing || Boolean(this.runner?.running);
  }

  show(content: Document): void {
    const steps = content.surfaces.flatMap(({ paths }) => paths.flatMap((path) => Array.from(path.steps)));
    this.moments = Float64Array.from(new Set(steps)).sort();
  }

  /** The place among the moments of the step shown. */
  get place(): number {
    return Math.max(0, lastAtMost(this.moments, this.store.state.step));
  }

  toggle(): void {
    const { playing } = this.store.state;
    const atEnd = this.place >= this.moments.length - 1;
    if (this.runner?.running) return this.runner.pause();
    if (this.runner && !playing && atEnd) return this.runner.play();
    this.store.set({ playing: !playing, ...(!playing && atEnd ? { step: this.moments[0] } : {}) });
    this.restart();
  }

  /** Go to a place among the moments, and stay there. */
  go(place: number): void {
    if (this.runner?.running) this.runner.pause();
    if (this.runner && Number.isFinite(place) && place >= this.moments.length) return this.runner.step();
    const bounded = Math.min(this.moments.length - 1, Math.max(0, place));
    if (bounded < 0) return;
    this.store.set({ step: this.moments[bounded], playing: false });
  }

  /** Walk what is recorded again, from its first step. */
  replay(): void {
    if (this.runner?.running) this.runner.pause();
    if (this.moments.length > 1) this.store.set({ step: this.moments[0], playing: true });
    this.restart();
  }

  /** Move on to where the clock says. */
  advance(now: number): void {
    if (!this.store.state.playing) return;
    let seconds = (now - this.began) / 1000;
    if (reducedMotion.matches) seconds = Math.floor(seconds / CALM_INTERVAL) * CALM_INTERVAL;
    const count = this.moments.length;
    const pace = Math.max(LEAST_PACE, (count - 1) / WHOLE) * this.store.state.speed;
    const place = Math.min(count - 1, this.beganAt + Math.floor(seconds * pace));
    if (place !== this.place) this.store.set({ step: this.moments[place] });
    if (place >= count - 1) this.store.set({ playing: false });
  }

  private restart(): void {
    this.began = performance.now();
    this.beganAt = this.place;
  }
}
