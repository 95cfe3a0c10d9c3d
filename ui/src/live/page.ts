// The live page: the server's answers into the model, and the model onto the page.
import { App, type Live } from "../app";
import { byId } from "../dom";
import { nearest } from "../numbers";
import { prefersLog } from "../scale";
import { currentTheme, onThemeChange } from "../theme";
import { Beat } from "./beat";
import { labelOf, selectedRacer, startedRacers } from "./choices";
import { Doing, isBusy } from "./doing";
import { Helm } from "./helm";
import { Measures } from "./measures";
import { learn } from "./names";
import { Model } from "./model";
import { download, offlinePage } from "./offline";
import { hideParts, Panels } from "./panels";
import { DataPictures } from "./pictures";
import { type LinkState, type Receiver, SocketTransport, takeToken } from "./socket";
import {
  type Answer,
  type DescentAnswer,
  type Diagnosis,
  type Frame,
  Kind,
  LAST,
  type Status,
  type SurfaceAnswer,
  type Welcome,
} from "./wire";

export class LivePage implements Live, Receiver {
  private readonly model = new Model();
  private readonly transport: SocketTransport;
  private readonly app: App;
  private readonly helm: Helm;
  private panels: Panels | null = null;
  private readonly measures = new Measures({
    eigenvalue: () => this.transport.send({ type: "eigenvalue", id: this.helm.choices.selected }),
    diagnose: () => this.transport.send({ type: "diagnose", id: this.helm.choices.selected }),
    watch: () => this.watch(),
  });
  private readonly pictures = new DataPictures(() => this.watch());
  private readonly diagnoses = new Map<number, Diagnosis>();
  private readonly doing: Doing;
  private readonly beat: Beat;
  private welcome: Welcome | null = null;
  private greeted = false;
  private watched = "";
  private couldCut = false;

  /** `built` is the page as it was served. */
  constructor(private readonly built: string) {
    const token = takeToken();
    document.body.classList.add("live");
    byId("controls").hidden = false;
    this.transport = new SocketTransport(`ws://${location.host}/ws`, token);
    this.helm = new Helm({
      model: this.model,
      send: (request) => {
        this.transport.send(request);
        this.tellWhole();
      },
      say: (words) => this.app.say(words),
      changed: () => this.showChoices(),
      starting: () => this.doing.begin(),
      speed: () => this.app.store.state.speed,
    });
    this.app = new App(this.model.document(), this);
    this.doing = new Doing(
      () => this.cancel(),
      () => this.transport.retry(),
    );
    this.beat = new Beat(
      () => this.draw(),
      (frames) => this.transport.send({ type: "credit", frames }),
    );
    byId("beside").prepend(this.pictures.element);
    byId("beside").append(this.measures.element);
    this.app.store.listen((state, before) => {
      const { helm } = this;
      if (state.step !== before.step) helm.following &&= state.step === this.lastStep || state.playing;
      if (state.speed !== before.speed) helm.sendPace();
      if (!state.playing && before.playing) helm.following = true;
      this.showBeside();
    });
    addEventListener("hashchange", () => this.revisit());
    onThemeChange(() => this.showControls());
    hideParts(this.helm.choices.hide);
    this.transport.open(this);
  }

  // what the page asks of a live server

  get running(): boolean {
    return this.helm.running;
  }

  play(): void {
    if (!this.model.walks.size) return this.app.say("Choose a start on the surface first.");
    this.helm.running = this.helm.following = true;
    this.transport.send({ type: "play" });
    this.app.refresh();
  }

  pause(): void {
    this.helm.running = false;
    this.doing.begun();
    this.transport.send({ type: "pause" });
    this.app.refresh();
  }

  step(): void {
    this.helm.following = true;
    this.transport.send({ type: "step", count: 1 });
  }

  start(surface: number, at: [number, number]): void {
    if (this.model.hasKept && surface === 0) return this.app.say("This is the surface before. Start on the other one.");
    const axes = this.model.answer?.surface.axes;
    // while it fills, the surface shown is coarser than the one it becomes
    if (axes) this.helm.start([nearest(axes[0].values, at[0]), nearest(axes[1].values, at[1])]);
  }

  missed(): void {
    const words = "Nothing is there to start on: click the surface itself.";
    this.doing.note(words);
    this.app.say(words);
  }

  get canCutAlong(): boolean {
    return Boolean(this.model.answer?.can_redirect.includes("pca"));
  }

  cutAlong(id: number): void {
    this.helm.cutAlong(id);
  }

  cancel(): void {
    this.helm.running = false;
    this.doing.begun();
    this.transport.send({ type: "cancel" });
  }

  fragment(): string {
    return this.helm.fragment();
  }

  // what the server says

  link(state: LinkState, words: string): void {
    this.doing.link(state, words);
    if (words) this.app.say(words);
    if (state === "open") return this.beat.forget();
    this.helm.running = false;
    this.app.refresh();
  }

  answer(answer: Answer): void {
    if ("run" in answer && answer.run !== this.model.run) return;
    switch (answer.type) {
      case "hello":
        return this.greet(answer);
      case "surface":
        return this.begin(answer);
      case "status":
        return this.tellStatus(answer);
      case "descent":
        this.tellDescent(answer);
        break;
      case "rows":
        this.model.walk(answer.id).tell(answer.rows, answer.replaces);
        if (answer.rows.some(({ step }) => step > 0)) this.doing.begun();
        break;
      case "removed":
        this.model.walks.delete(answer.id);
        break;
      case "eigenvalue":
        this.model.walk(answer.id).measure(answer);
        this.app.say(answer.text);
        break;
      case "diagnosis":
        this.diagnoses.set(answer.id, answer);
        this.app.say(answer.verdict);
        break;
      case "code":
        return this.panels?.lessons.showCode(answer.text);
      case "done":
        if (answer.what !== "descents") break;
        this.helm.running = false;
        this.doing.begun();
        break;
      case "error":
        return this.refused(answer.field, answer.message);
    }
    this.beat.ask();
  }

  frame(frame: Frame): void {
    if (frame.run === this.model.run) {
      this.model.take(frame);
      if (frame.kind === Kind.Surface && frame.flags & LAST) this.settle();
    }
    this.beat.received();
  }

  private greet(welcome: Welcome): void {
    learn(welcome.labels);
    this.welcome = welcome;
    this.panels ??= this.makePanels(welcome);
    hideParts(this.helm.choices.hide);
    this.helm.greet(welcome, this.app.store.state.step);
    this.greeted = true;
    this.watched = "";
    this.watch();
  }

  private begin(answer: SurfaceAnswer): void {
    const opening = this.helm.arrived();
    this.model.begin(answer, opening !== null);
    this.doing.settle();
    if (opening) {
      this.diagnoses.clear();
      this.app.store.set({ step: 0, playing: false });
      this.helm.resume(opening, answer);
    }
    this.showControls();
  }

  /** The surface is whole: now it shows whether a logarithm helps. */
  private settle(): void {
    const surface = this.model.document().surfaces.at(-1);
    if (surface) this.app.store.rebase({ log: prefersLog(surface) });
  }

  private tellStatus(status: Status): void {
    if (!isBusy(status)) this.helm.running = status.state === "playing";
    this.app.refresh();
    this.doing.show(status);
  }

  private tellDescent(answer: DescentAnswer): void {
    const walk = this.model.walk(answer.id);
    walk.settle(answer);
    if (answer.ended) this.app.say(`${walk.name}: ${answer.text}`);
    this.helm.reached(answer);
  }

  private refused(field: string, message: string): void {
    this.doing.begun();
    this.doing.refuse(field, message);
    this.app.say(message);
    this.helm.giveUp();
  }

  // what is asked of the page itself

  private makePanels(welcome: Welcome): Panels {
    const panels = new Panels(welcome, {
      ...this.helm.actions(),
      code: () => this.transport.send({ type: "code" }),
      link: () => {
        this.app.write();
        panels.lessons.copy(location.href, "Copied.", "Copy the address of this page.");
      },
      save: () => this.save(),
    });
    return panels;
  }

  /** Another address was typed in. */
  private revisit(): void {
    takeToken();
    this.helm.revisit(this.app.store.state.step);
    hideParts(this.helm.choices.hide);
  }

  /** Hand over what is recorded as a page that needs no server. */
  private save(): void {
    const content = this.model.document();
    if (!content.surfaces.length) return this.app.say("There is nothing to save yet.");
    const racers = startedRacers(this.helm.choices).map((racer) => `${labelOf(racer)}, rate ${racer.settings.learning_rate}`);
    const description = [content.description, ...racers].filter(Boolean).join("; ");
    download(offlinePage(this.built, { ...content, description }), "downslope.html");
    this.panels?.lessons.tell("Saved as downslope.html.");
  }

  /** Tell the server which of the dearer views are looked at. */
  private watch(): void {
    const open = (details: HTMLDetailsElement): boolean => details.open && !details.hidden;
    const data = open(this.pictures.element);
    const wanted = { data, units: data && open(this.pictures.units), signals: open(this.measures.signals) };
    if (this.greeted && JSON.stringify(wanted) !== this.watched) this.transport.send({ type: "watch", ...wanted });
    if (this.greeted) this.watched = JSON.stringify(wanted);
    this.beat.ask();
  }

  // onto the page

  private draw(): void {
    this.app.show(this.model.document());
    this.tellWhole();
    const { state } = this.app.store;
    const follows = this.helm.following && !state.playing && this.model.answer && !this.helm.isOpening;
    if (follows && state.step !== this.lastStep) this.app.store.set({ step: this.lastStep });
    this.showBeside();
    if (this.canCut !== this.couldCut) this.showControls();
  }

  private tellWhole(): void {
    document.body.dataset.surface = this.model.isWhole ? "whole" : "partial";
  }

  private get lastStep(): number {
    return this.app.player.moments.at(-1) ?? 0;
  }

  private get canCut(): boolean {
    return Boolean(this.model.walks.get(this.helm.choices.selected)?.answer);
  }

  private showChoices(): void {
    this.showControls();
    this.app.refresh();
  }

  private showControls(): void {
    const { model } = this;
    const { choices } = this.helm;
    for (const racer of choices.racers) model.walks.get(racer.id)?.call(labelOf(racer));
    this.couldCut = this.canCut;
    this.panels?.show(choices, model.answer, this.canCut);
    this.doing.hint(model.answer !== null && !startedRacers(choices).length);
    this.showBeside();
    this.beat.ask();
  }

  private showBeside(): void {
    const { selected } = this.helm.choices;
    const { answer, frames, walks } = this.model;
    const { step } = this.app.store.state;
    this.measures.show({
      walk: walks.get(selected) ?? null,
      welcome: this.welcome,
      settings: selectedRacer(this.helm.choices).settings,
      step,
      diagnosis: this.diagnoses.get(selected) ?? null,
      signals: frames.get(`${Kind.Signals} ${selected} 0`) ?? null,
      layers: answer?.layers ?? [],
      hasData: Boolean(answer?.rows),
    });
    const hidden = this.pictures.element.hidden;
    this.pictures.show(answer?.beside ?? null, frames, selected, currentTheme());
    if (hidden !== this.pictures.element.hidden) this.watch();
  }
}
