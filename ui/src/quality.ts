// Fewer pixels while things move and frames come slowly; all of them once they rest.
const SLOW = 45;
const FAST = 14;
const LADDER = [1, 0.7, 0.5];
const REST = 220;

export class Quality {
  private rung = 0;
  private last = 0;
  private slow = 0;
  private fast = 0;
  private timer = 0;

  constructor(private readonly redraw: () => void) {}

  /** Device pixels for each CSS pixel. */
  ratio = (): number => {
    const full = Math.min(2, devicePixelRatio || 1);
    return this.timer ? Math.max(0.5, full * LADDER[this.rung]) : full;
  };

  /** A frame is drawn in the middle of a movement. */
  moving(now: number): void {
    const took = now - this.last;
    this.last = now;
    this.slow = took > SLOW && took < 1000 ? this.slow + 1 : 0;
    this.fast = took < FAST ? this.fast + 1 : 0;
    if (this.slow >= 3 && this.rung < LADDER.length - 1) [this.rung, this.slow] = [this.rung + 1, 0];
    if (this.fast >= 60 && this.rung > 0) [this.rung, this.fast] = [this.rung - 1, 0];
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => {
      this.timer = 0;
      if (this.rung > 0) this.redraw();
    }, REST);
  }
}
