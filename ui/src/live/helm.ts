// What the reader decides: kept as choices, and sent to the server as requests.
import { reducedMotion } from "../theme";
import { fromFragment, toFragment } from "./address";
import * as changes from "./changes";
import { type Choices, DESCENT, labelOf, NOTHING_CHOSEN, type Racer, startedRacers, usualRate } from "./choices";
import type { Model } from "./model";
import type { PanelActions } from "./panels";
import type { DescentAnswer, Lesson, Plane, Request, Subject, SurfaceAnswer, Tuned, Welcome } from "./wire";

/** Steps that one request may ask for. */
const MOST_STEPS = 10_000;
/** Milliseconds in which several changes of a number become one. */
const TOGETHER = 25;

/** What to do once a subject is there. */
interface Opening {
  /** Let descents roll at once. */
  play: boolean;
  /** How many steps to make again, as the address has them. */
  repeat: number;
  /** Take over the numbers that suit it. */
  adopt: boolean;
}

const FRESH: Opening = { play: false, repeat: 0, adopt: true };

/** What the choices are made on, and who is told of them. */
export interface Deck {
  model: Model;
  send(request: Request): void;
  /** Tell the reader. */
  say(words: string): void;
  /** The choices are others: bring the page up to date. */
  changed(): void;
  /** Descents begin: until the first step is made, say so. */
  starting(): void;
  /** How many times faster than the pace it shall go. */
  speed(): number;
}

export class Helm {
  choices: Choices = fromFragment(location.hash);
  /** Descents roll. */
  running = false;
  /** The step shown is the last one, and goes on with it. */
  following = true;
  private welcome: Welcome | null = null;
  /** A subject is being opened, in contrast to a plane cut anew; what to do once it is there. */
  private opening: Opening | null = null;
  /** A plane that is to be cut once descents are at a step again. */
  private cutting: { plane: Plane; at: number } | null = null;
  private readonly tuned = new Map<number, Tuned>();

  constructor(private readonly deck: Deck) {}

  /** The choices as a part of the address. */
  fragment(): string {
    return toFragment(this.choices, this.welcome?.descent);
  }

  get isOpening(): boolean {
    return this.opening !== null;
  }

  /** The server has said what can be chosen: show what the address says, as far as its step. */
  greet(welcome: Welcome, step: number): void {
    this.welcome = welcome;
    const adopt = this.choices.racers === NOTHING_CHOSEN.racers;
    this.choices = changes.completed(this.choices, welcome);
    this.openSubject({ play: false, repeat: step, adopt });
    this.sendPace();
  }

  /** A plane is there; returns whether it is of another subject. Then `resume` starts what was chosen for it. */
  arrived(): Opening | null {
    const { opening } = this;
    this.opening = null;
    return opening;
  }

  resume({ adopt, play, repeat }: Opening, { suggested }: SurfaceAnswer): void {
    if (adopt) this.choices = changes.adopting(this.choices, suggested.settings);
    this.startAll(play);
    if (!startedRacers(this.choices).length) return;
    for (let left = repeat; left > 0; left -= MOST_STEPS) {
      this.deck.send({ type: "step", count: Math.min(MOST_STEPS, left) });
    }
    const { plane, startPlane } = this.choices;
    this.cutting = startPlane && { plane, at: repeat };
  }

  /** A descent stands somewhere: cut the plane that waits for it. */
  reached({ step, ended }: DescentAnswer): void {
    const { cutting } = this;
    if (!cutting || (step < cutting.at && !ended)) return;
    this.cutting = null;
    this.cut(cutting.plane);
  }

  /** What the address asks for cannot be: show what the server would. */
  giveUp(): void {
    if (this.deck.model.answer || !this.welcome || !this.choices.subject) return;
    this.choices = { ...NOTHING_CHOSEN, hide: this.choices.hide };
    this.openSubject(FRESH);
  }

  /** Start all descents at a place of the plane. */
  start(at: [number, number]): void {
    this.choose(changes.startingAt(this.choices, at));
    this.startAll(true);
  }

  private startAgain(): void {
    const { answer } = this.deck.model;
    if (!startedRacers(this.choices).length && answer) {
      this.choose(changes.startingAt(this.choices, [answer.suggested.a, answer.suggested.b]));
    }
    this.startAll(true);
  }

  private startAll(play: boolean): void {
    const racers = startedRacers(this.choices);
    racers.forEach((racer) => this.startOne(racer));
    if (!racers.length) return;
    this.following = true;
    if (!play) return;
    this.running = true;
    this.deck.starting();
    this.deck.send({ type: "play" });
  }

  private startOne(racer: Racer): void {
    const { id, start, settings } = racer;
    if (!start) return;
    this.deck.model.walk(id).call(labelOf(racer));
    this.deck.send({ type: "start", id, a: start[0], b: start[1], settings });
  }

  private openSubject(opening: Opening, keep = false): void {
    if (!this.welcome) return;
    this.forgetLostStarts();
    const subject = this.choices.subject ?? this.welcome.opens;
    const run = this.deck.model.nextRun(keep);
    this.opening = opening;
    this.cutting = null;
    this.running = false;
    const plane = { ...(this.choices.startPlane ?? this.choices.plane), through: null };
    this.deck.send({ type: "open", run, subject, plane });
  }

  /** A start on a plane through a ball is a place that no address holds once the ball is gone. */
  private forgetLostStarts(): void {
    const { plane, startPlane } = this.choices;
    if ((startPlane ?? plane).through === null) return;
    if (startedRacers(this.choices).length) this.deck.say("The start was on a plane through a ball, which is gone. Choose another.");
    this.choices = changes.startingAt({ ...this.choices, plane: { ...plane, through: null } }, null);
  }

  private openAnother(subject: Subject): void {
    const before = this.deck.model.answer?.subject ?? null;
    const keep = this.choices.beside && changes.comparable(before, subject);
    this.choose(changes.showing(this.choices, subject, before));
    this.openSubject(FRESH, keep);
  }

  private learn(lesson: Lesson | null): void {
    if (!lesson) return this.choose({ ...this.choices, lesson: "" });
    this.choose(changes.learning(this.choices, lesson));
    this.sendPace();
    this.openSubject({ play: !reducedMotion.matches, repeat: 0, adopt: false });
  }

  private slice(change: Partial<Plane>): void {
    const next = changes.cut(this.choices, change);
    this.choose(next);
    // what is still being opened is opened with this plane
    if (this.opening) this.openSubject(this.opening, this.deck.model.hasKept);
    else this.cut(next.plane);
  }

  /** Cut the plane along the path that a descent has made. */
  cutAlong(id: number): void {
    this.slice({ directions: "pca", through: id });
  }

  private cut(plane: Plane): void {
    this.deck.send({ type: "slice", run: this.deck.model.nextRun(false), plane });
  }

  /** Another address was typed in. */
  revisit(step: number): void {
    const before = this.fragment();
    const chosen = fromFragment(location.hash);
    this.choices = this.welcome ? changes.completed(chosen, this.welcome) : chosen;
    if (this.fragment() === before) return;
    this.sendPace();
    this.openSubject({ play: false, repeat: step, adopt: false });
  }

  /** Change a number on the way; nothing is reset. A rate set by hand ends its schedule. */
  private tune(id: number, change: Tuned): void {
    const walking = this.deck.model.walks.has(id);
    const ends = "learning_rate" in change && walking;
    this.choose(changes.changed(this.choices, id, ends ? { ...change, schedule: { kind: "constant" } } : change));
    if (!walking) return;
    if (!this.tuned.size) setTimeout(() => this.sendTuned(), TOGETHER);
    this.tuned.set(id, { ...this.tuned.get(id), ...change });
  }

  private sendTuned(): void {
    for (const [id, change] of this.tuned) this.deck.send({ type: "set", id, ...change });
    this.tuned.clear();
  }

  sendPace(): void {
    const steps = Math.min(100_000, Math.max(0.5, this.choices.pace * this.deck.speed()));
    this.deck.send({ type: "speed", steps_per_second: steps });
  }

  private addRacer(): void {
    const added = this.welcome && changes.withAnother(this.choices, this.welcome.optimizers, (name) => this.usualRate(name));
    if (!added) return;
    this.choose(added.choices);
    // a race has one start line
    this.startAll(false);
  }

  private usualRate(optimizer: string): number {
    return this.welcome ? usualRate(optimizer, this.welcome, this.deck.model.answer) : DESCENT.learning_rate;
  }

  private removeRacer(id: number): void {
    if (this.deck.model.walks.has(id)) this.deck.send({ type: "remove", id });
    this.choose(changes.without(this.choices, id));
  }

  /** What the controls do. */
  actions(): Omit<PanelActions, "code" | "link" | "save"> {
    return {
      open: (subject) => this.openAnother(subject),
      slice: (change) => this.slice(change),
      beside: (beside) => {
        if (!beside) this.deck.model.forgetKept();
        this.choose({ ...this.choices, beside });
      },
      select: (selected) => this.choose({ ...this.choices, selected }),
      add: () => this.addRacer(),
      usualRate: (optimizer) => this.usualRate(optimizer),
      remove: (id) => this.removeRacer(id),
      tune: (id, change) => this.tune(id, change),
      change: (id, change) => {
        this.choose(changes.changed(this.choices, id, change));
        this.startAll(false);
      },
      share: (change) => {
        this.choose(changes.shared(this.choices, change));
        this.startAll(false);
      },
      again: () => this.startAgain(),
      pace: (pace) => {
        this.choose({ ...this.choices, pace });
        this.sendPace();
      },
      learn: (lesson) => this.learn(lesson),
    };
  }

  private choose(choices: Choices): void {
    this.choices = choices;
    this.deck.changed();
  }
}
