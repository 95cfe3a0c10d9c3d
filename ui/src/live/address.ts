// The reader's choices as a part of the address, and read back from it; what is as usual is left out.
import { type Choices, DESCENT, NETWORK, NOTHING_CHOSEN, PLANE, type Racer } from "./choices";
import { type DescentSettings, MOST_DESCENTS, type NetworkSubject, type Plane, type Schedule, type Subject } from "./wire";

type Plain = string | number | boolean | null | number[];
type Parts = Record<string, Plain>;

/** `usual` is what a descent is where nothing is chosen. */
export function toFragment(choices: Choices, usual = DESCENT): string {
  const written: [string, string][] = [];
  const { subject, plane, startPlane, racers } = choices;
  if (subject) written.push(["show", list({ ...subject } as Parts, blank(subject))]);
  written.push(["plane", list({ ...plane }, { ...PLANE })]);
  if (startPlane) written.push(["from", list({ ...startPlane }, { ...PLANE }) || "directions:auto"]);
  racers.forEach(({ id, name, start, settings }) => {
    const { schedule, ...rest } = settings;
    const { schedule: _, ...plain } = usual;
    const place: Parts = start ? { a: start[0], b: start[1] } : {};
    const parts = { name, ...rest, ...scheduled(schedule), ...place } as Parts;
    const text = list(parts, { ...plain, schedule: "constant", name: "" } as Parts);
    written.push([`d${id + 1}`, text || "optimizer:sgd"]);
  });
  if (racers.length === 1 && written.at(-1)?.join() === "d1,optimizer:sgd") written.pop();
  if (choices.selected !== racers[0].id) written.push(["select", String(choices.selected + 1)]);
  if (choices.pace !== NOTHING_CHOSEN.pace) written.push(["pace", String(choices.pace)]);
  if (!choices.beside) written.push(["beside", "0"]);
  written.push(["lesson", encodeURIComponent(choices.lesson)]);
  written.push(["hide", [...choices.hide].map(encodeURIComponent).join(",")]);
  return written
    .filter(([, value]) => value)
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
}

export function fromFragment(fragment: string): Choices {
  const pairs = fragment.replace(/^#/, "").split("&").filter(Boolean);
  const given = new Map(pairs.map((pair) => [pair.split("=")[0], pair.slice(pair.indexOf("=") + 1)]));
  const racers: Racer[] = [];
  for (let id = 1; id <= MOST_DESCENTS; id++) {
    const text = given.get(`d${id}`);
    if (text !== undefined) racers.push({ id: id - 1, ...racer(text) });
  }
  const pace = Number(given.get("pace"));
  const chosen = racers.length ? racers : NOTHING_CHOSEN.racers;
  const selected = Number(given.get("select")) - 1;
  return {
    subject: subjectOf(given.get("show")),
    plane: planeOf(given.get("plane")),
    startPlane: given.has("from") ? planeOf(given.get("from")) : null,
    racers: chosen,
    selected: chosen.some(({ id }) => id === selected) ? selected : chosen[0].id,
    pace: pace >= 0.5 && pace <= 1e5 ? pace : NOTHING_CHOSEN.pace,
    beside: given.get("beside") !== "0",
    lesson: decoded(given.get("lesson") ?? ""),
    hide: new Set((given.get("hide") ?? "").split(",").filter(Boolean).map(decoded)),
  };
}

function planeOf(text = ""): Plane {
  return filled(PLANE as unknown as Parts, unlist(text)) as unknown as Plane;
}

/** The subject with nothing chosen but what it is. */
function blank(subject: Subject): Parts {
  return (subject.kind === "network" ? { ...NETWORK, kind: "", data: "" } : { kind: "" }) as Parts;
}

function subjectOf(text: string | undefined): Subject | null {
  const parts = unlist(text ?? "");
  const { kind, name } = parts;
  if (kind === "network") return filled(NETWORK as unknown as Parts, parts) as unknown as NetworkSubject;
  if (kind === "classic" && name) return { kind, name };
  if (kind === "line") {
    return { kind, loss: parts.loss === "mean_squared_error" ? parts.loss : "sum_squared_error" };
  }
  return kind === "run" ? { kind } : null;
}

function racer(text: string): Omit<Racer, "id"> {
  const parts = unlist(text);
  const { schedule: _, ...plain } = DESCENT;
  const [a, b] = [finite(parts.a), finite(parts.b)];
  return {
    name: parts.name ?? "",
    start: a === null || b === null ? null : [a, b],
    settings: { ...(filled(plain as Parts, parts) as unknown as DescentSettings), ...others(parts), schedule: scheduleOf(parts) },
  };
}

/** Numbers and choices of optimizers, which the server tells apart. */
function others(parts: Record<string, string>): Record<string, number | boolean> {
  const known = ["name", "a", "b", ...Object.keys(DESCENT)];
  return Object.fromEntries(
    Object.entries(parts).flatMap(([name, written]) => {
      if (known.includes(name) || name.includes(".")) return [];
      const value = written === "true" || written === "false" ? written === "true" : finite(written);
      return value === null ? [] : [[name, value] as const];
    }),
  );
}

function scheduleOf(parts: Record<string, string>): Schedule {
  const numbers = Object.entries(parts).flatMap(([name, written]) => {
    const value = name.startsWith("schedule.") ? finite(written) : null;
    return value === null ? [] : [[name.slice("schedule.".length), value] as const];
  });
  return { kind: parts.schedule ?? "constant", ...Object.fromEntries(numbers) };
}

function scheduled({ kind, ...numbers }: Schedule): Parts {
  const named = Object.entries(numbers).map(([name, value]) => [`schedule.${name}`, value]);
  return { schedule: kind, ...Object.fromEntries(named) };
}

/** `name:value` for each part that is not as in `usual`. */
function list(parts: Parts, usual: Parts): string {
  return Object.entries(parts)
    .map(([name, value]) => [name, text(value), name in usual ? text(usual[name]) : null] as const)
    .filter(([, value, before]) => value !== before)
    .map(([name, value]) => `${name}:${value}`)
    .join(",");
}

function text(value: Plain): string {
  if (value === null) return "none";
  return Array.isArray(value) ? value.join("/") : encodeURIComponent(String(value));
}

function unlist(written: string): Record<string, string> {
  const pairs = written.split(",").filter((part) => part.includes(":"));
  return Object.fromEntries(pairs.map((pair) => [pair.split(":")[0], decoded(pair.slice(pair.indexOf(":") + 1))]));
}

/** The usual parts with those given in their place, each read as what it is; what cannot be read is left out. */
function filled(usual: Parts, given: Record<string, string>): Parts {
  return Object.fromEntries(
    Object.entries(usual).map(([name, value]) => {
      const known = given[name];
      return [name, known === undefined ? value : (readAs(known, value, name) ?? (known === "none" ? null : value))];
    }),
  );
}

/** Names of parts that are null at first, and what they are otherwise. */
const NUMBERS_OR_NONE = ["through", "batch_size"];

function readAs(written: string, like: Plain, name: string): Plain | undefined {
  if (written === "none") return undefined;
  if (typeof like === "number" || NUMBERS_OR_NONE.includes(name)) return finite(written) ?? undefined;
  if (typeof like === "boolean") return written === "true";
  if (Array.isArray(like) || name === "span") {
    const values = written.split("/").map(Number);
    return values.every((value) => Number.isFinite(value) && value > 0) ? values : undefined;
  }
  return written;
}

function finite(written: string | undefined): number | null {
  const value = written ? Number(written) : Number.NaN;
  return Number.isFinite(value) ? value : null;
}

function decoded(written: string): string {
  try {
    return decodeURIComponent(written);
  } catch {
    return written;
  }
}
