// The panel of controls: its parts in order, each doing what it is told through one set of actions.
import { byId } from "../dom";
import type { Choices } from "./choices";
import { type LessonActions, Lessons } from "./lessons";
import { type RacerActions, RacerControls } from "./racers";
import { type SurfaceActions, SurfaceControls } from "./surfaces";
import type { SurfaceAnswer, Welcome } from "./wire";

const NARROW = matchMedia("(max-width: 899px)");

export type PanelActions = SurfaceActions & RacerActions & LessonActions;

export class Panels {
  readonly lessons: Lessons;
  private readonly racers: RacerControls;
  private readonly surfaces: SurfaceControls;

  constructor(welcome: Welcome, actions: PanelActions) {
    this.surfaces = new SurfaceControls(welcome, actions);
    this.racers = new RacerControls(welcome, actions);
    this.lessons = new Lessons(welcome.scenes, actions);
    const { lessons, racers, surfaces } = this;
    byId("controls").append(lessons.element, surfaces.subject, racers.element, surfaces.network, surfaces.plane, lessons.sharing);
    if (!NARROW.matches) return;
    for (const details of byId("controls").querySelectorAll("details")) details.open = details === racers.element;
  }

  show(choices: Choices, answer: SurfaceAnswer | null, canCut: boolean): void {
    this.racers.show(choices, Boolean(answer?.rows));
    this.lessons.show(choices.lesson);
    this.surfaces.show(choices, answer, canCut);
  }
}

/** Take away what the address says is not wanted. */
export function hideParts(hide: ReadonlySet<string>): void {
  for (const element of document.querySelectorAll<HTMLElement>("[data-part]")) {
    element.classList.toggle("taken", hide.has(element.dataset.part ?? ""));
  }
}
