// What the reader's choices become by each change: another number, another racer, another subject, a lesson.
import { type Choices, DESCENT, NOTHING_CHOSEN, PLANE, type Racer, selectedRacer, startedRacers } from "./choices";
import { type DescentSettings, type Lesson, MOST_DESCENTS, type Plane, type Subject, type Welcome } from "./wire";

/** With all settings that the server knows, its own where nobody has chosen, and no others. */
export function completed(choices: Choices, { descent, schedules }: Welcome): Choices {
  const racers = choices.racers.map((racer) => {
    const { schedule, ...settings } = racer.settings;
    const known = schedules.find(({ name }) => name === schedule.kind);
    const numbers = known?.numbers.map((range) => [range.name, schedule[range.name] ?? range.default]) ?? [];
    const kept = Object.entries(settings).filter(([name]) => name in descent);
    return {
      ...racer,
      settings: {
        ...descent,
        ...Object.fromEntries(kept),
        schedule: known ? { kind: known.name, ...Object.fromEntries(numbers) } : descent.schedule,
      },
    };
  });
  return { ...choices, racers };
}

/** With other settings for one descent; the name that a lesson gave it no longer fits. */
export function changed(choices: Choices, id: number, change: Partial<DescentSettings>): Choices {
  const racers = choices.racers.map((racer) => {
    return racer.id === id ? { ...racer, name: "", settings: { ...racer.settings, ...change } } : racer;
  });
  return { ...choices, racers };
}

/** With other settings for all descents. */
export function shared(choices: Choices, change: Partial<DescentSettings>): Choices {
  return { ...choices, racers: choices.racers.map((racer) => ({ ...racer, settings: { ...racer.settings, ...change } })) };
}

/** With all descents starting at a place of the plane shown. */
export function startingAt(choices: Choices, start: [number, number] | null): Choices {
  return { ...choices, startPlane: null, racers: choices.racers.map((racer) => ({ ...racer, start })) };
}

/** With what suits a subject, where nobody has started anything: all of it, or what racers share. */
export function adopting(choices: Choices, settings: DescentSettings): Choices {
  if (startedRacers(choices).length) return choices;
  const { batch_size, seed, steps } = settings;
  if (choices.racers.length > 1) return shared(choices, { batch_size, seed, steps });
  return { ...choices, racers: [{ ...choices.racers[0], settings }] };
}

/** With one racer more, of an optimizer that none has yet, from the same start on the same batches; null if none fits. */
export function withAnother(
  choices: Choices,
  optimizers: Welcome["optimizers"],
  usualRate: (optimizer: string) => number,
): { choices: Choices; racer: Racer } | null {
  const { racers } = choices;
  const id = Array.from({ length: MOST_DESCENTS }, (_, k) => k).find((one) => !racers.some((racer) => racer.id === one));
  if (id === undefined) return null;
  const { start, settings: like } = selectedRacer(choices);
  const unused = optimizers.find(({ name }) => !racers.some(({ settings }) => settings.optimizer === name));
  const optimizer = unused?.name ?? DESCENT.optimizer;
  const learning_rate = usualRate(optimizer);
  const { batch_size, seed, steps } = like;
  const racer: Racer = { id, name: "", start, settings: { ...DESCENT, batch_size, seed, steps, optimizer, learning_rate } };
  const all = [...racers, racer].sort((one, other) => one.id - other.id);
  return { choices: { ...choices, racers: all, selected: id }, racer };
}

/** With the plane cut anew; descents remember on which one they started. */
export function cut(choices: Choices, change: Partial<Plane>): Choices {
  const { plane, startPlane } = choices;
  const from = startedRacers(choices).length ? (startPlane ?? plane) : null;
  return { ...choices, plane: { ...plane, span: null, ...change }, startPlane: from };
}

/** Without a racer; one always stays. */
export function without(choices: Choices, id: number): Choices {
  const racers = choices.racers.filter((racer) => racer.id !== id);
  return racers.length ? { ...choices, racers, selected: racers[0].id } : choices;
}

/** Whether two subjects are networks on the same data, so that the same descent makes sense on both. */
export function comparable(one: Subject | null, other: Subject): boolean {
  return one?.kind === "network" && other.kind === "network" && one.data === other.data;
}

/** With another subject; descents and the lesson stay where only the network is another. */
export function showing(choices: Choices, subject: Subject, before: Subject | null): Choices {
  if (comparable(before, subject)) return { ...choices, subject, plane: choices.startPlane ?? choices.plane, startPlane: null };
  return { ...startingAt(choices, null), subject, plane: { ...PLANE, size: choices.plane.size }, lesson: "" };
}

export function learning(choices: Choices, lesson: Lesson): Choices {
  const racers = lesson.descents.slice(0, MOST_DESCENTS).map(({ name, a, b, settings }, id): Racer => {
    return { id, name, start: [a, b], settings };
  });
  return {
    ...choices,
    subject: lesson.subject,
    plane: lesson.plane,
    startPlane: null,
    racers: racers.length ? racers : NOTHING_CHOSEN.racers,
    selected: 0,
    pace: lesson.steps_per_second,
    lesson: lesson.name,
  };
}
