// Pictures at an even pace: what arrives between two of them is drawn together, and answered with credit once drawn.
import { reducedMotion } from "../theme";

/** Milliseconds between two pictures of what the server sends. */
const BEAT = 60;
const CALM_BEAT = 500;
/** Frames that one answer may give credit for. */
const MOST_CREDIT = 4;

export class Beat {
  private waiting = 0;
  private owed = 0;

  constructor(
    private readonly draw: () => void,
    private readonly credit: (frames: number) => void,
  ) {}

  /** A frame has come, to be drawn with the next picture. */
  received(): void {
    this.owed += 1;
    this.ask();
  }

  /** A new link: its frames are counted from none. */
  forget(): void {
    this.owed = 0;
  }

  ask(): void {
    if (this.waiting) return;
    const wait = reducedMotion.matches ? CALM_BEAT : BEAT;
    this.waiting = window.setTimeout(() => requestAnimationFrame(() => this.beat()), wait);
  }

  private beat(): void {
    this.waiting = 0;
    this.draw();
    for (; this.owed > 0; this.owed -= MOST_CREDIT) this.credit(Math.min(MOST_CREDIT, this.owed));
    this.owed = 0;
  }
}
