// The update rule of each optimizer, with the numbers it goes by now. Letters as in the docstrings of Python.
import { make } from "../dom";
import { short } from "../numbers";
import type { DescentSettings } from "./wire";

/** A formula, set by `tex.ts` when the page is built. */
declare function tex(formula: TemplateStringsArray): string;

const GRADIENT = tex`g = \nabla L(\theta)`;
const DECAYED = tex`g = \nabla L(\theta) + \lambda\,\theta`;
const FIRST = tex`m \leftarrow \beta_1 m + (1 - \beta_1)\,g`;
const SECOND = tex`v \leftarrow \beta_2 v + (1 - \beta_2)\,g^2`;
const UNBIASED = tex`\hat m = \dfrac{m}{1 - \beta_1^t},\quad \hat v = \dfrac{v}{1 - \beta_2^t}`;
const AVERAGE = tex`v \leftarrow \rho\,v + (1 - \rho)\,g^2`;

/** What of a rule has numbers of its own: each with its letter. */
const LETTERS: Record<string, string> = {
  learning_rate: tex`\eta`,
  momentum: tex`\mu`,
  b1: tex`\beta_1`,
  b2: tex`\beta_2`,
  decay: tex`\rho`,
  eps: tex`\varepsilon`,
  weight_decay: tex`\lambda`,
};

interface Rule {
  lines: string[];
  numbers: string[];
}

function ruleOf({ optimizer, momentum, nesterov, weight_decay }: DescentSettings): Rule {
  const decays = weight_decay > 0;
  const gradient = decays && optimizer !== "adamw" ? DECAYED : GRADIENT;
  const rule = RULES[optimizer]?.(gradient, momentum > 0, nesterov) ?? { lines: [], numbers: [] };
  return decays ? { ...rule, numbers: [...new Set([...rule.numbers, "weight_decay"])] } : rule;
}

const RULES: Record<string, (gradient: string, momentum: boolean, nesterov: boolean) => Rule> = {
  sgd: (gradient, momentum, nesterov) => {
    if (!momentum) return { lines: [gradient, tex`\theta \leftarrow \theta - \eta\,g`], numbers: ["learning_rate"] };
    const step = nesterov ? tex`\theta \leftarrow \theta - \eta\,(g + \mu\,v)` : tex`\theta \leftarrow \theta - \eta\,v`;
    return { lines: [gradient, tex`v \leftarrow \mu\,v + g`, step], numbers: ["learning_rate", "momentum"] };
  },
  rmsprop: (gradient, momentum) => {
    const numbers = ["learning_rate", "decay", ...(momentum ? ["momentum"] : []), "eps"];
    const steps = momentum
      ? [tex`u \leftarrow \mu\,u + \dfrac{g}{\sqrt{v + \varepsilon}}`, tex`\theta \leftarrow \theta - \eta\,u`]
      : [tex`\theta \leftarrow \theta - \eta\,\dfrac{g}{\sqrt{v + \varepsilon}}`];
    return { lines: [gradient, AVERAGE, ...steps], numbers };
  },
  adam: (gradient) => ({
    lines: [gradient, FIRST, SECOND, UNBIASED, tex`\theta \leftarrow \theta - \eta\,\dfrac{\hat m}{\sqrt{\hat v} + \varepsilon}`],
    numbers: ["learning_rate", "b1", "b2", "eps"],
  }),
  adamw: (gradient) => ({
    lines: [
      gradient,
      FIRST,
      SECOND,
      UNBIASED,
      tex`\theta \leftarrow \theta - \eta\,\Bigl(\dfrac{\hat m}{\sqrt{\hat v} + \varepsilon} + \lambda\,\theta\Bigr)`,
    ],
    numbers: ["learning_rate", "b1", "b2", "eps", "weight_decay"],
  }),
  nadam: (gradient) => ({
    lines: [
      gradient,
      FIRST,
      SECOND,
      tex`\hat m = \dfrac{\mu_{t+1}\,m}{1 - \Pi_{t+1}} + \dfrac{(1 - \mu_t)\,g}{1 - \Pi_t},\quad \hat v = \dfrac{v}{1 - \beta_2^t}`,
      tex`\theta \leftarrow \theta - \eta\,\dfrac{\hat m}{\sqrt{\hat v} + \varepsilon}`,
    ],
    numbers: ["learning_rate", "b1", "b2", "eps"],
  }),
  adagrad: (gradient) => ({
    lines: [gradient, tex`s \leftarrow s + g^2`, tex`\theta \leftarrow \theta - \eta\,\dfrac{g}{\sqrt{s} + \varepsilon}`],
    numbers: ["learning_rate", "eps"],
  }),
  adadelta: (gradient) => ({
    lines: [
      gradient,
      AVERAGE,
      tex`d = \dfrac{\sqrt{u + \varepsilon}}{\sqrt{v + \varepsilon}}\,g`,
      tex`u \leftarrow \rho\,u + (1 - \rho)\,d^2`,
      tex`\theta \leftarrow \theta - \eta\,d`,
    ],
    numbers: ["learning_rate", "decay", "eps"],
  }),
};

/** The rule and its numbers; `hyperparams` are those of the server, where a descent is on its way. */
export function formula(settings: DescentSettings, hyperparams: Record<string, number> | null): HTMLElement {
  const { lines, numbers } = ruleOf(settings);
  const chosen = settings as unknown as Record<string, number>;
  const known = numbers.flatMap((name) => {
    const value = hyperparams?.[name] ?? chosen[name];
    return typeof value === "number" ? [make("span", { className: "known" }, set(LETTERS[name]), ` = ${short(value, 4)}`), " "] : [];
  });
  return make("div", { className: "formula" }, ...lines.map((line) => make("p", {}, set(line))), make("p", { className: "quiet" }, ...known));
}

function set(mathml: string): HTMLElement {
  return make("span", { innerHTML: mathml });
}
